"""What the adapters in Python share: one JSON line for each thing that their client shows."""

import json
import sys

# Where to connect to.
url = sys.argv[1]


def event(name, data, id):
    _say({"event": name or "message", "data": data, "id": id or ""})


def ended(why):
    _say({"ended": str(why)})


def _say(line):
    print(json.dumps(line), flush=True)
