#!/usr/bin/env bash
# Goes back to Caddy or nginx: the ports, upstream.txt (it names the slot that is active now), the app's units and what starts at boot are as they were
# before setup_bluegreen.sh. Root only.
#
#   sudo deploy/uninstall.sh --dry-run     every step, nothing changed
#   sudo deploy/uninstall.sh
#
#   --upstream-file FILE   what the Caddyfile imports its upstream from (/etc/caddy/upstream.txt); a fixed one gets the port of the slot
#                          that is active, if it has the other one's
#   --purge                remove state, logs, settings and the user of EdgeProxy as well (the user is the package's where there is one)
#
# Whatever goes wrong leaves EdgeProxy where it is. Exit codes: 0 done; 1 failed, EdgeProxy serves on; 2 wrong usage, or it cannot be done as things are.
set -Eeuo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
program=uninstall.sh
# shellcheck source=lib/changes.sh
. "$here/lib/changes.sh"
# shellcheck source=lib/units.sh
. "$here/lib/units.sh"
# shellcheck source=lib/site.sh
. "$here/lib/site.sh"
# shellcheck source=lib/front.sh
. "$here/lib/front.sh"
# shellcheck source=lib/move.sh
. "$here/lib/move.sh"
# shellcheck source=lib/issue.sh
. "$here/lib/issue.sh"
# shellcheck source=lib/leave.sh
. "$here/lib/leave.sh"

upstream_file=/etc/caddy/upstream.txt
purge=''
binary=/usr/bin/edgeproxy
active=''
readonly LOCAL='(127\.0\.0\.1|localhost|\[::1\])?'
left_over=() # what remove_product is told
single='' single_address='' # what the other server sent to, and where it listens

main() {
  parse "$@"
  begin
  look
  may_change
  point_front
  move_back
  restore_boot
  leave_later
  commit
  remove_product "${left_over[@]}"
  say "$(title) serves; traffic is on ${single:-$(unit_of "$active")}."
}

parse() {
  local given=("$@")
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) dry=1 ;;
      --purge) purge=1 ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
      -h | --help) sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
      --upstream-file) [ $# -ge 2 ] || usage_error "$1 needs a value"; upstream_file=$2; shift ;;
      *) usage_error "unknown option $1" ;;
    esac
    shift
  done
  remember_command "${given[@]}"
  [ "$(id -u)" = 0 ] || usage_error "needs root"
}

look() {
  step "What is here"
  if [ -n "$undone" ] && ! proxy_has_ports; then
    say "That is what was before setup_bluegreen.sh: there is nothing left to take back."
    exit 0
  fi
  if [ -n "$left" ]; then
    say "  EdgeProxy is gone already, and $(who_serves) serves"
    exit 0
  fi
  if ! proxy_has_ports; then
    again="ss -ltnp '( sport = :80 or sport = :443 )'"
    usage_error "EdgeProxy does not have ports 80 and 443: there is nothing to take back; these listen:"
  fi
  find_front
  exists "$front.service" || usage_error "there is no $front.service to go back to"
  [ -d "$BACKUP" ] || usage_error "$BACKUP is not there: setup_bluegreen.sh has not set this up"
  read_settings /etc/edgeproxy/appsettings.json
  active=$("$binary" status | sed -nE 's/.*traffic is on (blue|green).*/\1/p' | head -n 1)
  [ -n "$active" ] || usage_error "EdgeProxy does not say which slot is active: edgeproxy status"
  if [ -s "$BACKUP/single" ]; then
    read -r single single_address < "$BACKUP/single" || true
    : "${single_address:=http://127.0.0.1:$(port_of "$single")}"
  fi
  settle_health_path "$(address_of "$active")"
  check_config
  [ -n "$single" ] || find_upstream
  say "  traffic is on $active"
}

# check_config: the other server still takes its configuration.
check_config() {
  if [ "$front" = nginx ]; then
    run_front -t -q -c "$front_config" 2> "$work/validate" || usage_error "nginx does not take its configuration any more: $(tail -n 1 "$work/validate")"
    return
  fi
  run_front adapt --config "$front_config" --adapter caddyfile > "$work/adapted" 2> "$work/validate" \
    || usage_error "Caddy does not take its Caddyfile any more: $(tail -n 1 "$work/validate")"
  run_front validate --config "$front_config" --adapter caddyfile > "$work/validate" 2>&1 \
    || usage_error "Caddy does not take its Caddyfile any more: $(tail -n 1 "$work/validate")"
}

# find_upstream: how Caddy is told of the active slot: by the file that it imports, or in the Caddyfile itself.
find_upstream() {
  local slot port='' wanted
  if [ "$front" = nginx ]; then
    nginxs_upstream
    return
  fi
  grep -qF "$upstream_file" "$front_config" && [ -e "$upstream_file" ] && return
  upstream_file=$front_config
  for slot in "$(other "$active")" "$active"; do
    ! grep -qE "\"dial\":\"$LOCAL:$(port_of_address "$slot")\"" "$work/adapted" || port=$(port_of_address "$slot")
  done
  [ -n "$port" ] || usage_error "$front_config imports no file that names the active slot (--upstream-file FILE), and sends neither to" \
    "$(address_of blue) nor to $(address_of green)"
  say "  $front_config sends to port $port"
  wanted=$(port_of_address "$active")
  # What Caddy makes of it names the file: of a copy before and after.
  cp "$front_config" "$work/Caddyfile"
  run_front adapt --config "$work/Caddyfile" --adapter caddyfile > "$work/adapted" 2> "$work/validate" || true
  sed -E -i "/^[ \t]*#/!s/(^|[ \t\/])($LOCAL:)$port([ \t\/]|\$)/\1\2$wanted\4/g" "$work/Caddyfile"
  run_front adapt --config "$work/Caddyfile" --adapter caddyfile 2> "$work/validate" |
    cmp -s - <(sed -E "s/(\"dial\":\"$LOCAL:)$port\"/\1$wanted\"/g" "$work/adapted") && return
  again="edgeproxy switch --to $(other "$active") && $again"
  usage_error "$front_config sends to port $port, traffic is on $active, and the line is none that could be changed here;" \
    "bring traffic to $(other "$active") first, with the version that it has"
}

# nginxs_upstream: its configuration is nobody's to change but its owner's: traffic has to be on the slot that it names.
nginxs_upstream() {
  local slot
  front_import --health-path "$(health_path)" --blue "$(address_of blue)" --green "$(address_of green)" > "$work/imported" 2> "$work/validate" \
    || usage_error "$front_config sends neither to $(address_of blue) nor to $(address_of green): $(grep -v '^note:' "$work/validate" | head -n 1)"
  slot=$(sed -n 's/^ *"InitialSlot": "\(.*\)",*$/\1/p' "$work/imported")
  slot=${slot,,}
  [ "${slot:-blue}" != "$active" ] || return 0
  again="edgeproxy switch --to $(other "$active") && $again"
  usage_error "$front_config sends to $(address_of "$(other "$active")"), and traffic is on $active;" \
    "bring traffic to $(other "$active") first, with the version that it has"
}

# point_front: at what serves the app now, before it gets the ports.
point_front() {
  step "Where $(title) sends"
  if [ -n "$single" ]; then
    start_single
  elif [ "$front" = nginx ]; then
    say "  to $(address_of "$active"), as before"
  elif [ "$upstream_file" = "$front_config" ]; then
    put "$front_config" "$(stat --format %a "$front_config")" "$(stat --format %U:%G "$front_config")" < "$work/Caddyfile"
  else
    put "$upstream_file" 0644 <<< "to $(address_of "$active" | sed 's/^http:\/\///; s/\/$//')"
  fi
}

# start_single: its port must not be that of the active slot.
start_single() {
  local sockets
  if [ "$(address_of "$active")" = "$single_address" ]; then
    active=$(other "$active")
    change "bring traffic to $active, as $single needs $single_address" "$binary" switch --to "$active" --label uninstall
  fi
  undo reload_units
  take_away "$(guard_of "$single")"
  [ -n "$dry" ] || systemctl daemon-reload
  mapfile -t sockets < <(property "$single" TriggeredBy | xargs --no-run-if-empty -n 1)
  undo stop "${sockets[@]}" "$single"
  change "start $single" systemctl start "${sockets[@]}" "$single"
  [ -n "$dry" ] || until_healthy "$single" "$(health_host)" "$single_address" "$(health_path)" || fail "$single does not respond to $(health_path) with 2xx"
}

move_back() {
  local status
  step "The ports 80 and 443 move back"
  [ -z "$dry" ] || { say "  start $front.service beside edgeproxy.service, stop that (it finishes what it has), and measure the gap"; return; }
  undo proxy_has_them_again "$front"
  watch_ports "$(health_host)"
  front_joins
  prove
  if is_sharing || is_lent; then
    proxy_lets_go
    prove
  fi
  unwatch_ports
  tell_gap
  end_lending
  unshare_ports own "$(front_user)"
}

# prove: what clients get now. A server that has only just started may need a moment.
prove() {
  local end=$((SECONDS + 5)) failure
  until failure=$(what_fails); do
    [ "$SECONDS" -lt "$end" ] || fail "$failure through $(title)"
    sleep 0.3
  done
}

# what_fails: says it, with exit code 1.
what_fails() {
  local status
  status=$(ask 80 http "$(health_host)" "$(health_path)")
  [[ $status == [23]?? ]] || { say "http://$(health_host)$(health_path) is $status"; return 1; }
  if presented 443 "$(health_host)" > /dev/null; then
    status=$(ask 443 https "$(health_host)" "$(health_path)")
    [[ $status == 2?? ]] || { say "https://$(health_host)$(health_path) is $status"; return 1; }
  fi
}

# restore_boot: what starts at boot. First the other server and the app are enabled, then EdgeProxy is not any more: whenever the power goes, somebody serves.
restore_boot() {
  local enable=()
  step "The next boot"
  mapfile -t enable < <(grep -vxF -e "$(unit_of blue)" -e "$(unit_of green)" "$BACKUP/enabled" 2> /dev/null)
  [ -n "$single" ] || enable+=("$(unit_of "$active")") # the one that is sent to
  undo disable "${enable[@]}"
  change "enable ${enable[*]}" systemctl --quiet enable "${enable[@]}"
  [ -n "$dry" ] || sync --file-system "$BACKUP"
  undo enable edgeproxy.service "${SOCKETS[@]}"
  change "disable ${SOCKETS[*]} edgeproxy.service" systemctl --quiet disable "${SOCKETS[@]}" edgeproxy.service
}

# leave_later: from here on there is no way back; the next run does what is left.
leave_later() {
  left_over=("${single:+$(unit_of "$active")}" "$upstream_file" "$purge")
  undo remove "$LEAVING"
  [ -n "$dry" ] || append "$LEAVING" "$(undo_log entry remove_product "${left_over[@]}")"
}

before_going_back() { forget_clients; }

after_going_back() {
  say "EdgeProxy is where it was: $("$binary" status | head -n 1). Mend what is said above, and run it again:"
  say "$again"
}

main "$@"
