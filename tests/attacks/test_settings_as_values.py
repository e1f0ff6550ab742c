"""``@settings`` objects are values: never changed, equal where their parameters are, and copied without loss."""

import dataclasses
import pickle

import pytest

from attacks.adversarial import SquareAttack
from attacks.base import Identity
from attacks.recompress import Jpeg, Png
from bench.settings import settings


class Target:
    """A detector that no one asks."""

    def score(self, batch: object) -> list[object]:
        return []


@pytest.mark.parametrize("one", [Identity(), Jpeg(), SquareAttack()], ids=repr)
def test_nothing_can_be_set_or_deleted(one: object) -> None:
    for name in (*(field.name for field in dataclasses.fields(one)), "other", "channel"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(one, name, 5)
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(one, name)


def test_equal_where_class_and_parameters_are() -> None:
    assert Jpeg(50) == Jpeg(quality=50) != Jpeg(51)
    assert hash(Jpeg(50)) == hash(Jpeg(quality=50))
    assert len({Jpeg(50), Jpeg(50), Jpeg(51), Png(1), Identity(), Identity()}) == 4
    assert Png(1) != 1 and Png(1) != (1,)


def test_what_is_not_compared_makes_no_difference() -> None:
    bound = SquareAttack().bind({"spectrum": Target()})
    assert bound.detector is not None
    assert bound == SquareAttack() and hash(bound) == hash(SquareAttack())


def test_copies_are_equal() -> None:
    one = Jpeg(50, progressive=True)
    assert pickle.loads(pickle.dumps(one)) == one == dataclasses.replace(Jpeg(51, progressive=True), quality=50)


def test_settings_that_inherit_add_their_own() -> None:
    @settings
    class Cropped(Jpeg):
        """With a parameter more."""

        edge: float = 0.1

    one = Cropped(quality=50, edge=0)
    assert one == Cropped(50, edge=0.0) != Cropped(50) and one != Jpeg(50)
    assert repr(one) == "Cropped(quality=50, edge=0.0)"
    with pytest.raises(TypeError, match="unexpected keyword argument 'edges'"):
        Cropped(edges=0)


def test_how_a_class_compares_itself_is_kept() -> None:
    @settings
    class Folded:
        """Equal in any case."""

        name: str = "a"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Folded) and self.name.lower() == other.name.lower()

        def __hash__(self) -> int:
            return hash(self.name.lower())

    assert Folded("A") == Folded("a") != Folded("b") and len({Folded("A"), Folded("a")}) == 1


def test_a_field_may_be_compared_and_not_hashed() -> None:
    @settings
    class Mapped:
        """With a value that has no hash."""

        scale: int = 1
        table: dict[str, int] = dataclasses.field(default_factory=dict, hash=False)

    assert Mapped(2, {"a": 1}) != Mapped(2) and hash(Mapped(2, {"a": 1})) == hash(Mapped(2))
