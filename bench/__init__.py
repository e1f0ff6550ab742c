"""washtest: does the label survive the wash, and what does the detector get wrong when it does not?

The folders show the flow: ``containers`` and ``media`` (an encoded file), ``labels``, ``detectors`` and the
sibling package ``attacks`` (what happens to it), ``harness`` (measures, writes records), ``analysis`` (judges,
reads records), ``cli`` on top.
"""

__version__ = "0.1.0"
