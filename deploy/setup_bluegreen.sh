#!/usr/bin/env bash
# Puts EdgeProxy in front of a Django app that Caddy or nginx fronts today: a blue and a green unit of gunicorn, or a single one. Root only.
#
#   sudo deploy/setup_bluegreen.sh --dry-run     every step, nothing changed
#   sudo deploy/setup_bluegreen.sh
#
#   --caddyfile FILE       the site as it is (/etc/caddy/Caddyfile), where Caddy has the ports
#   --nginx-config FILE    the site as it is (/etc/nginx/nginx.conf), where nginx has them
#   --app UPSTREAM         which of its upstreams is the app, where there are several
#   --caddy-storage DIR    where Caddy keeps its certificates (.local/share/caddy/certificates in the home of its user)
#   --binary FILE          the executable; without it bin/edgeproxy beside this directory, else the installed one
#   --single UNIT          the single unit, where there is no blue and green yet (the one that listens where Caddy or nginx sends)
#   --deployer NAME        the user that may run `edgeproxy switch` without sudo (default: the user who calls sudo)
#   --health-path PATH     the path that proves the app healthy, where the Caddyfile does not say it; without it those are tried that many apps have
#   --blue-unit UNIT, --green-unit UNIT, --blue ADDRESS, --green ADDRESS
#                          the two slots, where they are not app-server-blue.service and app-server-green.service on 127.0.0.1:8000 and 8100
#   --companion UNIT       a service that runs the app's code beside it (a Celery worker, beat): each switch restarts it; may be given again
#   --issue                EdgeProxy orders the certificates that Caddy's storage lacks, while Caddy serves and passes the authority's question on
#   --grant                give EdgeProxy's user the read access that it lacks to static files and certificates (ACLs)
# Asked for, each tried before anything moves:
#   --move-secrets         Environment= of the app's units into files that only root can read
#   --user NAME            the app runs as NAME, from each unit's next start on
#   --gthread              threaded workers that keep connections (--worker-class gthread --threads 4 --keep-alive 75), from the next start on
#   --harden               the sandbox of deploy/systemd for the app's units, from the next start on
#
# The app's units stay as they are; what their stops and starts need comes as drop-ins beside them. Ports 80 and 443 move when EdgeProxy has shown, on two
# other ports, that it has a certificate for every name, and responds as the other server does. Whatever goes wrong puts the old state back. A second run
# changes nothing. deploy/uninstall.sh goes back.
# Exit codes: 0 done; 1 failed, and what was is back; 2 wrong usage, or it cannot be done as things are: nothing was changed.
set -Eeuo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
program=setup_bluegreen.sh
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
# shellcheck source=lib/preflight.sh
. "$here/lib/preflight.sh"
# shellcheck source=lib/install.sh
. "$here/lib/install.sh"
# shellcheck source=lib/deploy_conf.sh
. "$here/lib/deploy_conf.sh"

caddy_storage=''
binary=''
single='' blue_address='' green_address='' blue_unit='' green_unit=''
deployer=${SUDO_USER:-}
health=''
companions=()
slot_options=() # of import-caddyfile and import-nginx
grant='' issue='' move_secrets='' app_user='' gthread='' harden=''

main() {
  parse "$@"
  begin
  look
  preflight
  may_change
  keep_front
  install_product
  install_app_units
  install_deploy_conf
  if proxy_has_ports; then
    refresh_proxy
  else
    start_app
    rehearse
    move_ports
    hand_over
  fi
  commit
  finish
}

parse() {
  local given=("$@")
  while [ $# -gt 0 ]; do
    case $1 in
      --dry-run) dry=1 ;;
      --grant) grant=1 ;;
      --issue) issue=1 ;;
      --move-secrets) move_secrets=1 ;;
      --gthread) gthread=1 ;;
      --harden) harden=1 ;;
      --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
      -h | --help) sed -n '2,/^set -/{/^set -/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
      --caddyfile | --nginx-config | --app | --caddy-storage | --binary | --single | --deployer | --health | --health-path | --user | --companion \
        | --blue | --green | --blue-unit | --green-unit)
        [ $# -ge 2 ] || usage_error "$1 needs a value"
        case $1 in
          --caddyfile) front=caddy front_config=$2 ;;
          --nginx-config) front=nginx front_config=$2 ;;
          --app) slot_options+=("$1" "$2") ;;
          --caddy-storage) caddy_storage=$2 ;;
          --binary) binary=$2 ;;
          --single) single=${2%.service}.service ;;
          --deployer) deployer=$2 ;;
          --health | --health-path) health=$2 ;;
          --user) app_user=$2 ;;
          --blue) blue_address=$2 ;;
          --green) green_address=$2 ;;
          --blue-unit) blue_unit=${2%.service}.service slot_options+=("$1" "${2%.service}.service") ;;
          --green-unit) green_unit=${2%.service}.service slot_options+=("$1" "${2%.service}.service") ;;
          --companion) companions+=("${2%.service}.service") ;;
        esac
        shift
        ;;
      *) usage_error "unknown option $1" ;;
    esac
    shift
  done
  remember_command "${given[@]}"
  [ "$(id -u)" = 0 ] || usage_error "needs root"
}

# look: what is here. Nothing of it changes anything.
look() {
  step "What is here"
  find_front
  # shellcheck disable=SC2119
  find_tools
  find_binary
  read_site
  read_layout
}

# start_app: the slot that serves, healthy on its own address before anything else.
start_app() {
  local unit
  unit=$(unit_of "$serving")
  step "The app: $serving"
  if ! is_active "$unit"; then
    undo stop "$unit"
    change "start $unit" systemctl start "$unit"
  fi
  [ -z "$dry" ] || { say "  ask $(address_of "$serving")$(health_path) until it responds well"; return; }
  until_healthy "$unit" "$(health_host)" "$(address_of "$serving")" "$(health_path)" \
    || fail "$unit does not respond to $(address_of "$serving")$(health_path) with 2xx within a minute; journalctl -u $unit -n 50 says more"
  say "  $(address_of "$serving")$(health_path) responds"
}

# rehearse: EdgeProxy as it will be, on two other ports, asked for what the other server is asked for.
rehearse() {
  local http https host
  step "A rehearsal on two other ports, while $(title) serves"
  if [ -n "$dry" ]; then
    say "  start edgeproxy.service on free ports of 127.0.0.1; compare certificates, the health path and a static file with $(title)'s; stop it"
    say "  ask polkit whether its user may start and stop $(units_to_run | paste -sd ' ')"
    [ ${#to_issue[@]} -eq 0 ] || say "  before that: have Caddy pass the authority's question on, and order ${to_issue[*]}"
    return
  fi
  read -r http https <<< "$(free_port) $(free_port)"
  undo end_rehearsal
  [ ${#to_issue[@]} -eq 0 ] || pass_challenges_on "$http"
  rehearse_at "$http" "$https" || fail "EdgeProxy does not start: $(why_not edgeproxy.service)"
  may_run_units
  [ ${#to_issue[@]} -eq 0 ] || await_certificates
  for host in $(hosts); do
    if presented 443 "$host" > /dev/null; then
      has_good_certificate "$https" "$host"
      same_response https 443 "$https" "$host"
    elif is_to_issue "$host"; then
      has_good_certificate "$https" "$host"
    else
      same_response http 80 "$http" "$host"
    fi
  done
  end_rehearsal
}

# has_good_certificate PORT HOST
has_good_certificate() {
  presented "$1" "$2" | is_good "$2" || fail "EdgeProxy has no valid certificate for $2, which is served over HTTPS"
  say "  $2: certificate valid until $(presented "$1" "$2" | openssl x509 -noout -enddate | cut -d = -f 2)"
}

# same_response SCHEME PORT OURS HOST: for the health path, and for a file of each static root.
same_response() {
  local scheme=$1 fronts=$2 ours=$3 host=$4 path theirs status
  for path in "$(health_path)" $(static_samples); do
    theirs=$(ask "$fronts" "$scheme" "$host" "$path")
    mv -f "$work/body" "$work/theirs" 2> /dev/null || : > "$work/theirs"
    status=$(ask "$ours" "$scheme" "$host" "$path")
    [ "$status" = "$theirs" ] || fail "$scheme://$host$path is $theirs from $(title) and $status from EdgeProxy"
    # The app may say something else each time; a file does not.
    [ "$path" = "$(health_path)" ] || cmp -s "$work/body" "$work/theirs" || fail "$scheme://$host$path is another file from EdgeProxy than from $(title)"
    say "  $scheme://$host$path: $status, as from $(title)"
  done
}

# move_ports: to systemd's sockets. Where the ports can be shared, EdgeProxy starts beside the other server, gets the new connections, and must respond well
# before that lets go. Else nobody listens for some milliseconds, and clients wait for the start.
move_ports() {
  local host
  step "The ports 80 and 443 move"
  if [ -n "$dry" ]; then
    say "  start ${SOCKETS[*]} and edgeproxy.service beside $front.service, stop that (it finishes what it has), and measure the gap"
    return
  fi
  host=$(health_host)
  if [ -n "$from_single" ]; then
    undo front_takes_ports "$front" "$single" "$host" "$single_address" "$(health_path)"
  else
    undo front_takes_ports "$front" "$(unit_of "$serving")" "$host" "$(address_of "$serving")" "$(health_path)"
  fi
  prepare_move
  watch_ports "$host"
  moment clients watch
  share_ports 0 || front_lets_go
  proxy_takes_ports || fail "EdgeProxy does not start; $(listeners | paste -sd ' ') has ports 80 and 443; $(why_not 'edgeproxy*')"
  moment EdgeProxy listens
  steer_to second || fail "EdgeProxy shares the ports with $(title), but new connections cannot be given to it (why: above)"
  prove "$host"
  if is_sharing; then
    front_lets_go
    moment the other has let go
    prove "$host"
  fi
  unwatch_ports
  tell_gap
  is_gone "$front.service" || say "  $(title) responds to its last requests"
  front_has_ended
  unshare_ports alone
  forget_move
}

# prove HOST: what clients get now, while there is a way back.
prove() {
  local scheme=http port=80 status
  ! presented 443 "$1" > /dev/null || { scheme=https port=443; }
  status=$(ask "$port" "$scheme" "$1" "$(health_path)")
  [[ $status == 2?? ]] || fail "$scheme://$1$(health_path) is $status through EdgeProxy"
  "$binary" status | grep -q "traffic is on $serving" || fail "EdgeProxy does not have traffic on $serving: $("$binary" status | head -n 3)"
}

# hand_over: what starts at the next boot. EdgeProxy starts the slots. First EdgeProxy is enabled, then the other is not any more: whenever the power goes,
# somebody serves. Where both start, systemd's sockets have the ports first.
hand_over() {
  local unit enabled=() sockets=()
  step "The next boot"
  # shellcheck disable=SC2046 # a name each
  for unit in "$front.service" "$(unit_of blue)" "$(unit_of green)" ${from_single:+"$single" $(property "$single" TriggeredBy)}; do
    ! is_enabled "$unit" || enabled+=("$unit")
  done
  # Its sockets come with it (Sockets=).
  undo disable "${SOCKETS[@]}" edgeproxy.service
  change "enable edgeproxy.service ${SOCKETS[*]}" systemctl --quiet enable edgeproxy.service "${SOCKETS[@]}"
  if [ ${#enabled[@]} -gt 0 ]; then
    [ -n "$dry" ] || { printf '%s\n' "${enabled[@]}" > "$BACKUP/enabled"; sync --file-system "$BACKUP"; }
    undo enable "${enabled[@]}"
    change "disable ${enabled[*]}" systemctl --quiet disable "${enabled[@]}"
  fi
  if [ -n "$from_single" ] && is_active "$single"; then
    [ -n "$dry" ] || printf '%s %s\n' "$single" "$single_address" > "$BACKUP/single"
    mapfile -t sockets < <(property "$single" TriggeredBy | xargs --no-run-if-empty -n 1)
    undo start "${sockets[@]}" "$single"
    change "stop $single, whose place $(unit_of "$serving") has taken" systemctl stop "${sockets[@]}" "$single"
  fi
  if [ -n "$from_single" ]; then
    undo reload_units
    guard > "$work/guard"
    draft "$(guard_of "$single")" 0644 < "$work/guard"
    [ -n "$dry" ] || systemctl daemon-reload
  fi
}

finish() {
  step "Done${dry:+ (nothing was changed)}"
  [ -z "$dry" ] || return 0
  "$binary" status | head -n 1
  [ "${setting[EdgeProxy__Tls__Internal]:-false}" = false ] ||
    say "The certificates are EdgeProxy's own, and so is the root that clients have to trust instead of Caddy's: edgeproxy certificates root"
  say "A deploy is now  $here/restart_app.sh BRANCH  (or your own script, with  edgeproxy switch  at its end)."
  say "A script that reloads $(title) to switch does nothing any more. Back to $(title): $here/uninstall.sh"
}

before_going_back() { forget_clients; }

after_going_back() {
  say "All is as it was; ports 80 and 443 are served by $(who_serves). Mend what is said above, and run it again:"
  say "$again"
}

main "$@"
