# Sourced by setup_bluegreen.sh, new-site and uninstall.sh: what systemd knows of a unit, and what a unit of gunicorn needs.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

readonly TRY=edgeproxy-try.service # of the app as it is to be, for a moment, and serving nobody

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
wanting() {
  systemctl show --value --property WantedBy,UpheldBy,TriggeredBy "$1" | tr -s ' ' '\n' |
    grep -vxE '|multi-user\.target|default\.target|graphical\.target' | sort -u || true
}

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
ExecStartPre=+/bin/sh -c "echo 'EdgeProxy runs this app in two slots; to deploy: sudo $here/restart_app.sh BRANCH (or at the end of your own script: \
edgeproxy switch); back to this unit: sudo $here/uninstall.sh' >&2; exit 1"
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
  workers=$(setting_of "$1" workers --workers -w) threads=$(setting_of "$1" threads --threads) class=$(setting_of "$1" worker_class --worker-class -k)
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
  graceful=$(setting_of "$unit" graceful_timeout --graceful-timeout)
  graceful=$((${graceful:-30} + 10)) # gunicorn's default is 30
  stop=$(seconds "$unit" TimeoutStopUSec)
  [ "$(property "$unit" KillSignal)" = 15 ] ||
    service+=$'# To the master: it ends its workers when their requests have ended. SIGQUIT would cut them.\nKillSignal=SIGTERM\n'
  [ "$(property "$unit" KillMode)" = mixed ] || service+=$'KillMode=mixed\n'
  [ -z "$stop" ] || [ "$stop" -ge "$graceful" ] ||
    service+=$"# Above gunicorn's --graceful-timeout, as systemd kills after it."$'\n'"TimeoutStopSec=$graceful"$'\n'
  [ "$(seconds "$unit" RestartUSec)" = 1 ] || [ "$(seconds "$unit" RestartUSec)" = 0 ] || service+=$'RestartSec=1\n'
  if [ "$(property "$unit" StartLimitIntervalUSec)" != 0 ]; then
    printf '[Unit]\n# A version that cannot start is for EdgeProxy to report; the limit would forbid the start of the next one.\nStartLimitIntervalSec=0\n\n'
  fi
  [ -z "$service" ] || printf '[Service]\n%s' "$service"
}

# derived UNIT SLOT ADDRESS: its text for a slot. What systemctl cat shows, file and drop-ins, means the same in one file.
derived() {
  # shellcheck disable=SC2046 # a name each
  systemctl cat "$1" | python3 -I "$here/lib/derive_unit.py" "$@" $(property "$1" TriggeredBy)
}

# exec_line UNIT: what follows ExecStart= in its file or the last drop-in that sets it, on one line and as it is quoted there.
exec_line() {
  systemctl cat "$1" | awk '
    /^ExecStart=/ { text = ""; take = 1; sub(/^ExecStart=/, "") }
    take { more = sub(/\\[ \t]*$/, ""); text = text $0; take = more }
    END { gsub(/[ \t]+/, " ", text); print text }'
}

# sockets_heard: who listens where on this machine: ADDRESS PID, as a slot's address, a line for each process.
sockets_heard() {
  {
    ss --no-header --listening --tcp --numeric --processes | awk '{ print "http://" $4, $0 }'
    ss --no-header --listening --unix --processes | awk '$1 == "u_str" { print "unix:" $5, $0 }'
  } | awk '{
      address = $1; sub(/^http:\/\/(\*|0\.0\.0\.0|\[::\]):/, "http://127.0.0.1:", address)
      while (match($0, /pid=[0-9]+/)) { print address, substr($0, RSTART + 4, RLENGTH - 4); $0 = substr($0, RSTART + RLENGTH) }
    }' | sort -u
}

# unit_of_process PID: its service; nothing where it is of none.
unit_of_process() { sed -nE 's/.*[:\/]([^\/]+\.service)(\/[^\/]*)*$/\1/p' "/proc/$1/cgroup" 2> /dev/null | head -n 1; }

# listens_at UNIT: where its processes listen, or systemd for them, a line each.
listens_at() {
  local socket address pid
  for socket in $(property "$1" TriggeredBy); do
    property "$socket" Listen | sed -nE 's/^(\/.*) \(Stream\)$/unix:\1/p; s/^(.*:[0-9]+) \(Stream\)$/http:\/\/\1/p' |
      sed -E 's/(0\.0\.0\.0|\[::\]):/127.0.0.1:/'
  done
  while read -r address pid; do
    [ "$(unit_of_process "$pid")" != "$1" ] || say "$address"
  done < <(sockets_heard)
}

# unit_at ADDRESS: the service that listens there, or the one that systemd starts for whoever comes there.
unit_at() {
  local address=${1%/} pid unit heard socket
  while read -r heard pid; do
    [ "$heard" = "$address" ] || continue
    if [ "$pid" = 1 ]; then
      while read -r socket; do
        ! property "$socket" Listen | grep -qF "${address#*:} (Stream)" || unit=$(property "$socket" Triggers)
      done < <(systemctl list-units --plain --no-legend --type socket | awk '{ print $1 }')
    else
      unit=$(unit_of_process "$pid")
    fi
    [ -z "${unit:-}" ] || { say "${unit%% *}"; return; }
  done < <(sockets_heard)
  return 1
}

# gunicorn_config UNIT: what its gunicorn says of its settings, file and all, as NAME = VALUE in $work/gunicorn-UNIT. The app is loaded for that, as its user.
gunicorn_config() {
  local unit=$1 text try=$TRY output=/run/edgeproxy-try.out
  text=$(systemctl cat "$unit" | python3 -I "$here/lib/derive_unit.py" config "$unit" 2> /dev/null) || return 0
  [ -n "$(option_of "$unit" --config -c)" ] || [ -e "$(property "$unit" WorkingDirectory | sed 's/^!//')/gunicorn.conf.py" ] || return 0
  rm -f "$output"
  {
    say "$text"
    printf '\n[Service]\nType=oneshot\nRestart=no\nExecStartPre=\nExecStartPost=\nExecStop=\nExecStopPost=\nExecReload=\n'
    printf 'PIDFile=\nRuntimeDirectoryPreserve=yes\n'
    printf 'StandardOutput=append:%s\nTimeoutStartSec=60\n' "$output"
  } > "/run/systemd/system/$try"
  systemctl daemon-reload
  systemctl start "$try" 2> /dev/null || true
  sed -nE 's/^([a-z_]+) += (.*)$/\1 = \2/p' "$output" > "$work/gunicorn-$unit" 2> /dev/null || true
  rm -f "$output"
  end_try
}

end_try() {
  [ -e "/run/systemd/system/$TRY" ] || return 0
  systemctl stop "$TRY"
  rm -f "/run/systemd/system/$TRY"
  systemctl reset-failed "$TRY" 2> /dev/null || true
  systemctl daemon-reload
}

# setting_of UNIT NAME OPTION...: of gunicorn, as it says itself, else by the option.
setting_of() {
  local unit=$1 name=$2 value=''
  shift 2
  [ ! -s "${work:-}/gunicorn-$unit" ] || value=$(sed -n "s/^$name = //p" "$work/gunicorn-$unit" | tail -n 1)
  if [ -n "$value" ]; then say "$value"; else option_of "$unit" "$@"; fi
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
  local to=("$2$3")
  [[ $2 != unix:* ]] || to=(--unix-socket "${2#unix:}" "http://localhost$3")
  curl --silent --noproxy '*' --max-time 5 --output /dev/null --write-out '%{http_code}' \
    --header "Host: $1" --header 'X-Forwarded-Proto: https' "${to[@]}" || true
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
