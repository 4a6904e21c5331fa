"""Reads the proxy's status (JSON) and prints, a line each: the active slot, the running switch, the pause, and of blue, then green: unit, label, warmUntil;
then the fleet; then the units of the active slot's companions, and those that both slots share."""
import json
import sys

status = json.load(sys.stdin)
switch, pause = status.get("switch"), status.get("pause")
print(status["active"])
print("{id} to {to}, in {phase}".format(**switch) if switch else "")
print("since {since}".format(**pause) if pause else "")
for slot in ("blue", "green"):
    facts = status["slots"][slot]
    for name in ("unit", "label", "warmUntil"):
        print(" ".join((facts.get(name) or "").split()))
print((status.get("fleet") or {}).get("name", ""))
for companion in status["companions"]:
    if companion["slot"] in (None, status["active"]):
        print(companion["unit"])
