"""What every chart must keep to, whatever it shows."""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.text import Text


def texts_of(figure: Figure) -> list[str]:
    """Every text that is not hidden."""
    return [artist.get_text() for artist in figure.findobj(Text) if artist.get_visible()]


def nothing_overlaps(figure: Figure) -> None:
    """Every text lies inside the figure and touches no other; use within ``style.styled()``."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    texts = {
        id(artist): artist
        for artist in figure.findobj(Text)
        if artist.get_visible() and artist.get_text().strip() and drawn(artist)
    }
    boxes = [(artist.get_text(), artist.get_window_extent(renderer)) for artist in texts.values()]
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, text
    for i, (text, box) in enumerate(boxes):
        for other, second in boxes[i + 1 :]:
            apart = (
                min(box.x1, second.x1) - max(box.x0, second.x0) < 1
                or min(box.y1, second.y1) - max(box.y0, second.y0) < 1.5
            )
            assert apart, (text, other)


def drawn(artist: Artist) -> bool:
    """Tick labels outside the limits exist and are never drawn."""
    if artist.axes is None or artist.get_transform() != artist.axes.get_xaxis_transform(which="tick1"):
        return True
    low, high = artist.axes.get_xlim()
    return low <= artist.get_position()[0] <= high
