# Sourced by setup_bluegreen.sh, new-site and uninstall.sh: what systemd knows of a unit, and what a unit of gunicorn needs.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

property() { systemctl show --value --property "$2" "$1"; }
exists() { [ "$(property "$1" LoadState)" = loaded ]; }
is_active() { systemctl is-active --quiet "$1"; }
is_gone() { [ "$(property "$1" ActiveState)" != deactivating ]; }
is_enabled() { systemctl is-enabled --quiet "$1" 2> /dev/null; }

# seconds UNIT PROPERTY: of a time span as systemd shows it ("2min 10s"); nothing for infinity.
seconds() {
  local span
  span=$(property "$1" "$2")
  [ "$span" = infinity ] || systemd-analyze timespan "$span" | awk '/^ *[^ ]*s: [0-9]/ { print int($2 / 1000000); exit }'
}

# files_of UNIT: its file and its drop-ins.
files_of() { systemctl cat "$1" | sed -n 's/^# \(\/.*\)/\1/p'; }

# bound_to UNIT: what stops when it stops, or does not start without it, by dependencies of their own.
bound_to() { systemctl show --value --property ConsistsOf,RequiredBy,RequisiteOf,BoundBy "$1" | tr -s ' ' '\n' | grep . | sort -u || true; }

# wanting UNIT: what starts it when it is started itself; not the targets of systemd that an enabled unit has there.
wanting() { systemctl show --value --property WantedBy,UpheldBy,TriggeredBy "$1" | tr -s ' ' '\n' | grep -vxE '|multi-user\.target|default\.target|graphical\.target' | sort -u || true; }

# started_by UNIT: what others have hung on it (WantedBy= in their [Install]); its own text goes to the slots.
started_by() { find "/etc/systemd/system/$1.wants" "/etc/systemd/system/$1.requires" -mindepth 1 -printf '%f\n' 2> /dev/null | sort -u || true; }

# without_dependencies FILE UNIT...: its text without what binds it to these units.
without_dependencies() {
  local file=$1
  shift
  awk -v units=" $* " '
    match($0, /^[ \t]*(PartOf|Requires|Requisite|BindsTo)[ \t]*=/) {
      name = substr($0, 1, RLENGTH); count = split(substr($0, RLENGTH + 1), words, /[ \t]+/); rest = ""
      for (i = 1; i <= count; i++) if (words[i] != "" && !index(units, " " words[i] " ")) rest = rest " " words[i]
      if (rest != "") print name substr(rest, 2)
      next
    }
    { print }' "$file"
}

# guard: what a unit says and does from now on when somebody starts it. A deploy script that restarts it must not succeed with nothing deployed.
guard() {
  cat << END
# EdgeProxy runs this app in two slots, as $(unit_of blue) and $(unit_of green). This unit would take the port of one of them.
[Unit]
StartLimitIntervalSec=0

[Service]
Restart=no
SuccessExitStatus=
StandardOutput=journal
StandardError=journal
ExecCondition=
ExecStopPost=
ExecStartPre=
ExecStartPre=+/bin/sh -c "echo 'EdgeProxy runs this app in two slots; to deploy: sudo $here/restart_app.sh BRANCH (or at the end of your own script: edgeproxy switch); back to this unit: sudo $here/uninstall.sh' >&2; exit 1"
END
}

# guard_of UNIT: after all drop-ins of its owner.
guard_of() { printf '/etc/systemd/system/%s.d/zz-edgeproxy.conf' "$1"; }

# command_of UNIT: the words of its ExecStart, one a line. Words with spaces come apart; options of gunicorn have none.
command_of() {
  systemctl show --property ExecStart "$1" | sed -n 's/^ExecStart={ .*argv\[\]=\(.*\) ; ignore_errors=.*/\1/p' | head -n 1 | tr -s ' ' '\n'
}

# option_of UNIT NAME...: the value of gunicorn's option, the last one given; nothing where it is not given.
option_of() {
  local unit=$1
  shift
  command_of "$unit" | awk -v names="$*" '
    BEGIN { split(names, list, " "); for (i in list) known[list[i]] = 1 }
    take { value = $0; take = 0; next }
    $0 in known { take = 1; next }
    { at = index($0, "="); if (at && substr($0, 1, at - 1) in known) value = substr($0, at + 1) }
    END { if (value != "") print value }'
}

# places_of UNIT: how many requests its gunicorn works on at a time, its workers times their threads; nothing where its options do not say it.
# Other worker classes have no such number, and a file of settings may name threads.
places_of() {
  local workers threads class
  workers=$(option_of "$1" --workers -w) threads=$(option_of "$1" --threads) class=$(option_of "$1" --worker-class -k)
  [ -n "$threads" ] || [ -n "$(option_of "$1" --config -c)" ] || threads=1
  [ -z "${gthread:-}" ] || [ "$class" = gthread ] || class=gthread threads=4 # as the option adds it
  case $class in '' | sync | gthread) ;; *) return 0 ;; esac
  [[ ! $workers$threads =~ [^0-9] && -n $workers && -n $threads ]] && [ "$workers" -gt 0 ] && [ "$threads" -gt 0 ] || return 0
  say $((workers * threads))
}

# port_of UNIT: where gunicorn listens, when it is TCP.
port_of() { option_of "$1" --bind -b | sed -n 's/.*:\([0-9]\{1,5\}\)$/\1/p'; }

# repairs UNIT: the lines of a drop-in that its stops and starts need; nothing when it is well.
# All of them act on the running unit, too: nothing is restarted for them.
repairs() {
  local unit=$1 service='' graceful stop
  graceful=$(option_of "$unit" --graceful-timeout)
  graceful=$((${graceful:-30} + 10)) # gunicorn's default is 30
  stop=$(seconds "$unit" TimeoutStopUSec)
  [ "$(property "$unit" KillSignal)" = 15 ] || service+=$'# To the master: it ends its workers when their requests have ended. SIGQUIT would cut them.\nKillSignal=SIGTERM\n'
  [ "$(property "$unit" KillMode)" = mixed ] || service+=$'KillMode=mixed\n'
  [ -z "$stop" ] || [ "$stop" -ge "$graceful" ] || service+=$"# Above gunicorn's --graceful-timeout, as systemd kills after it."$'\n'"TimeoutStopSec=$graceful"$'\n'
  [ "$(seconds "$unit" RestartUSec)" = 1 ] || [ "$(seconds "$unit" RestartUSec)" = 0 ] || service+=$'RestartSec=1\n'
  if [ "$(property "$unit" StartLimitIntervalUSec)" != 0 ]; then
    printf '[Unit]\n# A version that cannot start is for EdgeProxy to report; the limit would forbid the start of the next one.\nStartLimitIntervalSec=0\n\n'
  fi
  [ -z "$service" ] || printf '[Service]\n%s' "$service"
}

# derived UNIT PORT: its text for another port. What systemctl cat shows, file and drop-ins, means the same in one file.
derived() {
  local from
  from=$(port_of "$1")
  systemctl cat "$1" | sed -E "s/^(# \/)/# From \//; s/((--bind|-b)[ =]\S*:)$from(\s|\\\\|$)/\1$2\3/; s/^Description=.*/& (port $2)/"
}

# not_twice UNIT: why two copies of it cannot run beside each other; nothing when they can.
not_twice() {
  local unit=$1
  [ -n "$(port_of "$unit")" ] || say "$unit: its ExecStart has no --bind HOST:PORT to give the two slots ports of their own"
  [ -z "$(option_of "$unit" --pid -p)$(property "$unit" PIDFile)" ] || say "$unit: both slots would write the same pid file; take --pid and PIDFile= out"
  [ -z "$(property "$unit" RuntimeDirectory)" ] || say "$unit: RuntimeDirectory= would be removed under one slot when the other one stops"
  [ -z "$(property "$unit" TriggeredBy)" ] || say "$unit: it gets its socket from $(property "$unit" TriggeredBy), which two slots cannot share"
}

# secret_lines FILE: its Environment= lines as lines of an EnvironmentFile; exit 1 where a line is beyond this translation.
secret_lines() {
  awk '
    function put(word,   at, name, value) {
      at = index(word, "="); if (!at) return fail()
      name = substr(word, 1, at - 1); value = substr(word, at + 1)
      gsub(/%%/, "\001", value); if (index(value, "%")) return fail() # a specifier: only units know them
      gsub(/\001/, "%", value)
      gsub(/["`$]/, "\\\\&", value)
      printf "%s=\"%s\"\n", name, value
    }
    function fail() { bad = 1; exit 1 }
    /^Environment=/ {
      rest = substr($0, 13)
      if (rest == "" || index(rest, "\\")) fail() # a reset, an escape or a continued line
      while (match(rest, /^[ \t]*("[^"]*"|\047[^\047]*\047|[^ \t"\047]+)/)) {
        word = substr(rest, RSTART, RLENGTH); rest = substr(rest, RSTART + RLENGTH)
        sub(/^[ \t]*/, "", word)
        if (word ~ /^["\047]/) word = substr(word, 2, length(word) - 2)
        put(word)
      }
      if (rest !~ /^[ \t]*$/) fail()
    }
    END { exit bad }' "$1"
}

# health_status HOST ADDRESS PATH: what the app responds there when it is asked as EdgeProxy asks; 000: nothing.
health_status() {
  curl --silent --noproxy '*' --max-time 5 --output /dev/null --write-out '%{http_code}' --header "Host: $1" --header 'X-Forwarded-Proto: https' "$2$3" || true
}

healthy() { [[ $(health_status "$@") == 2?? ]]; }

# until_healthy UNIT HOST ADDRESS PATH: at most a minute, and no longer than the unit is there.
until_healthy() {
  local unit=$1 end=$((SECONDS + 60))
  shift
  until healthy "$@"; do
    if [ "$SECONDS" -ge "$end" ] || systemctl is-failed --quiet "$unit"; then
      return 1
    fi
    sleep 0.2
  done
}
