# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the files beside this one
# What is there: which slot is active, what the units are, whose repository it is. Nothing here changes anything but the lock.
# FIRST: no version was deployed yet, so nothing is served, and there is nothing to go back to.

readonly LOCK=/run/edgeproxy-deploy.lock
readonly STEP_UNITS=edgeproxy-deploy
STEP=0

# WORK_DIR, PROGRAM and the options of systemd-run that make a command run as the unit does, by slot.
declare -A WORK_DIR PROGRAM UNIT LABEL WARM_UNTIL
declare -a COMPANIONS
declare -a OPTIONS_OF_blue OPTIONS_OF_green

read_site() {
  demand_tools
  read_status
  local slot
  for slot in blue green; do
    read_unit "$slot"
  done
  locate_trees
  FIRST=
  [ -n "$(head_of "${TREE_OF[$ACTIVE]}")" ] || active_runs || FIRST=yes
}

active_runs() { systemctl --quiet is-active "${UNIT[$ACTIVE]}"; }

demand_tools() {
  local tool
  for tool in edgeproxy git python3 systemd-run busctl flock setpriv timeout; do
    command -v "$tool" > /dev/null || die "$USAGE" "$tool is not installed, or not in $PATH"
  done
}

# ACTIVE, IDLE, RUNNING_SWITCH (what it does, in words), PAUSED, by slot UNIT, LABEL, WARM_UNTIL; FLEET (its name); and COMPANIONS: the units that run
# ACTIVE's code beside it.
read_status() {
  local json
  json=$(edgeproxy status --json) || exit # it has said why, and its exit codes are ours
  local -a facts
  mapfile -t facts < <(python3 -I "$HERE/status.py" <<< "$json")
  wait $! || die "$FAILED" "the status of the proxy cannot be read: $json"
  ACTIVE=${facts[0]} RUNNING_SWITCH=${facts[1]} PAUSED=${facts[2]}
  UNIT=([blue]=${facts[3]} [green]=${facts[6]})
  LABEL=([blue]=${facts[4]} [green]=${facts[7]})
  WARM_UNTIL=([blue]=${facts[5]} [green]=${facts[8]})
  FLEET=${facts[9]}
  COMPANIONS=("${facts[@]:10}")
  if [ "$ACTIVE" = blue ]; then IDLE=green; else IDLE=blue; fi
}

read_unit() { # SLOT
  local -a facts
  local -n options=OPTIONS_OF_$1
  mapfile -d '' -t facts < <(python3 -I "$HERE/unit.py" "${UNIT[$1]}")
  wait $! || die "$USAGE" "${UNIT[$1]} cannot be used: see above"
  WORK_DIR[$1]=${facts[0]} PROGRAM[$1]=${facts[1]}
  # shellcheck disable=SC2034 # a name reference
  options=("${facts[@]:2}")
}

# One deploy at a time. Whatever it starts inherits the lock: a command that outlives a killed deploy still keeps the next one off.
take_lock() {
  (umask 077 && : >> "$LOCK" && chmod 0600 "$LOCK") # who can read a file can lock it
  exec {lock}>> "$LOCK"
  flock --nonblock "$lock" || die "$REFUSED" "another deploy runs: $(cat "$LOCK")"
  local left
  left=$(systemctl list-units --plain --no-legend --state=activating,active,deactivating "$STEP_UNITS-*.service")
  [ -z "$left" ] || die "$REFUSED" "a command of a deploy that was killed still runs: ${left%% *}; wait for its end, or systemctl stop it"
  printf '%s by process %s since %(%F %T)T\n' "${WANTED:-rollback}" $$ -1 > "$LOCK"
}

# Runs a command as the slot's unit would be run: its user, groups, umask and environment, in its working directory.
as_unit() { # SLOT COMMAND...
  local -n unit_options=OPTIONS_OF_$1
  local directory=${WORK_DIR[$1]}
  shift
  STEP=$((STEP + 1))
  # systemd expands $NAME in arguments; $$ stands for a dollar.
  systemd-run --quiet --pipe --wait --collect --service-type=exec --unit="$STEP_UNITS-$$-$STEP" --description="Deploy: $*" \
    --working-directory="$directory" "${unit_options[@]}" -- "${@//\$/\$\$}"
}

# A command that was started by as_unit does not end with systemd-run.
stop_step() { systemctl stop "$STEP_UNITS-$$-*.service" 2> /dev/null || true; }

# A full disk has many faces; name it.
tell_full_disk() {
  local path free
  for path in "${SETTING[REPOSITORY]}" "${SETTING[VENVS]}" "$TREE" /var/lib /tmp; do
    free=$(df --output=avail --block-size=M "$path" 2> /dev/null | tail -n 1 | tr -dc 0-9) || continue
    [ "${free:-1000}" -ge 20 ] || warn "the file system of $path is full ($free MB free)"
  done
}
