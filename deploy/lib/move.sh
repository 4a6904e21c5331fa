# Sourced by setup_bluegreen.sh, new-site and uninstall.sh: which process has ports 80 and 443, and how they go over.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

readonly SOCKETS=(edgeproxy-http.socket edgeproxy-https.socket)
readonly RUNTIME=/run/systemd/system
readonly NOWHERE=https://127.0.0.1:9/ # discard: nothing listens
readonly NOWHERE_ACCOUNT=/var/lib/edgeproxy/acme/127.0.0.1-9.json
readonly SHARING=/run/edgeproxy-ports-are-shared
readonly MIGRATE=/proc/sys/net/ipv4/tcp_migrate_req
readonly PATIENCE=150 # seconds for the requests that the other server still has when it has let go of its ports

moving=0 # since when the ports move: the time in seconds

# port_holders: the processes that have a socket that listens on 80 or 443: PID NAME a line. A socket may be of several.
port_holders() {
  ss --no-header --listening --tcp --numeric --processes '( sport = :80 or sport = :443 )' |
    grep -oE '"[^"]+",pid=[0-9]+' | sed -E 's/"(.*)",pid=(.*)/\2 \1/' | sort -u || true
}

# listeners: who listens on 80 or 443, a line each: Caddy, nginx and EdgeProxy by their units, as a program may have any name; else PROCESS (or systemd).
listeners() {
  local pid name unit
  while read -r pid name; do
    unit=$(unit_of_process "$pid") || true
    case $unit in
      caddy.service | nginx.service | edgeproxy.service) say "${unit%.service}" ;;
      *) say "$name" ;;
    esac
  done < <(port_holders) | sort -u
}

# addresses PORT: where the port is listened on, as systemd writes it, a line each: 80 for both families at once.
addresses() {
  ss --no-header --listening --tcp --numeric "sport = :$1" | awk '{ print $4 }' | sed "s/^\\*:$1\$/$1/" | sort -u
}

# ports_are_free: asked in a loop while nobody is served, so without starting a process. 0A is LISTEN; 0050 and 01BB are the ports.
ports_are_free() {
  local sockets pattern=':(0050|01BB) [0-9A-F]+:0000 0A'
  mapfile -t sockets < /proc/net/tcp
  [[ ! ${sockets[*]} =~ $pattern ]] || return 1
  [ -e /proc/net/tcp6 ] || return 0
  mapfile -t sockets < /proc/net/tcp6
  [[ ! ${sockets[*]} =~ $pattern ]]
}

proxy_has_ports() { is_active "${SOCKETS[0]}" && is_active "${SOCKETS[1]}" && [ ! -e "$RUNTIME/${SOCKETS[0]}.d/edgeproxy-rehearsal.conf" ]; }

# free_port: one that nobody listens on.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    [ -n "$(ss --no-header --listening --tcp --numeric "( sport = :$port )")" ] || break
  done
  printf '%s' "$port"
}

# lay_in UNIT NAME LINES: a drop-in that is gone after a reboot.
lay_in() {
  mkdir -p "$RUNTIME/$1.d"
  printf '%s\n' "$3" > "$RUNTIME/$1.d/edgeproxy-$2.conf"
}

take_out() {
  rm -f "$RUNTIME/$1.d/edgeproxy-$2.conf"
  rmdir --ignore-fail-on-non-empty "$RUNTIME/$1.d" 2> /dev/null || true
}

# rehearse_at HTTP HTTPS: the sockets, the unit, its user and its sandbox as they will be, on two ports of 127.0.0.1.
rehearse_at() {
  lay_in "${SOCKETS[0]}" rehearsal $'[Socket]\nListenStream=\nListenStream=127.0.0.1:'"$1"
  lay_in "${SOCKETS[1]}" rehearsal $'[Socket]\nListenStream=\nListenStream=127.0.0.1:'"$2"
  lay_in edgeproxy.service rehearsal $'[Service]\nEnvironment=EdgeProxy__Tls__Acme__'"$(ordering)"
  systemctl daemon-reload
  systemctl start "${SOCKETS[@]}" && systemctl start edgeproxy.service
}

# ordering: what is ordered in a rehearsal. Nothing, as a rule: the authority would look for the response at Caddy, and count the failure.
ordering() {
  local name
  if [ ${#to_issue[@]} -gt 0 ]; then
    say Challenges__0=Http01
    return
  fi
  printf 'DirectoryUrl=%s' "$NOWHERE"
  for name in "${!setting[@]}"; do
    [[ $name != EdgeProxy__Tls__Acme__Fallbacks__*__DirectoryUrl ]] || printf ' %s=%s' "$name" "$NOWHERE"
  done
}

end_rehearsal() {
  systemctl stop edgeproxy.service "${SOCKETS[@]}"
  take_out edgeproxy.service rehearsal
  take_out "${SOCKETS[0]}" rehearsal
  take_out "${SOCKETS[1]}" rehearsal
  rm -f "$NOWHERE_ACCOUNT"
  systemctl daemon-reload
  systemctl reset-failed edgeproxy.service "${SOCKETS[@]}" 2> /dev/null || true
}

# watch_ports HOST: asks it for the health path in two tight loops until unwatch_ports; each line: begin, end, status. A second of them shows how things were
# before; moving is when they change.
watch_ports() {
  touch "$work/watching"
  visit 80 http "$1" > "$work/visits.http" 9>&- &
  visit 443 https "$1" > "$work/visits.https" 9>&- &
  sleep 1
  moving=$EPOCHREALTIME
}

# visit PORT SCHEME HOST: to whom a server says goodbye (GOAWAY) before it has read the request sends it again, as browsers do (RFC 9113 section 6.8); curl
# ends with 16 instead. It ends with the run that asks, also where that is killed.
visit() {
  local begin status request=(curl --silent --insecure --noproxy '*' --connect-timeout 5 --max-time 20 --output /dev/null --write-out '%{http_code}'
    --resolve "$3:$1:127.0.0.1" "$2://$3:$1$(health_path)")
  trap - EXIT
  while [ -e "$work/watching" ] && kill -0 $$ 2> /dev/null; do
    begin=$EPOCHREALTIME
    status=$("${request[@]}") || { [ $? -eq 16 ] && status=$("${request[@]}"); } || status=000
    printf '%s %s %s\n' "$begin" "$EPOCHREALTIME" "$status"
  done
}

unwatch_ports() {
  rm -f "$work/watching"
  wait
}

# forget_clients: without waiting for them.
forget_clients() {
  rm -f "$work/watching"
  # shellcheck disable=SC2046 # a number each
  kill $(jobs -p) 2> /dev/null || true
}

# gap LOG: "MILLISECONDS LONGEST BEFORE REQUESTS FAILED": the longest time from one good response to the next since the move began, the longest wait for one,
# the longest time between two before the move, and how many requests there were in all.
gap() {
  awk -v moving="$moving" '
    { requests++ }
    $2 >= moving && $2 - $1 > longest { longest = $2 - $1 }
    $3 !~ /^[23]/ { failed++; next }
    good && $2 < moving && $2 - good > before { before = $2 - good }
    good && $2 >= moving && $2 - good > gap { gap = $2 - good }
    { good = $2 }
    END { printf "%d %d %d %d %d\n", gap * 1000, longest * 1000, before * 1000, requests, failed }' "$1"
}

tell_gap() {
  local scheme milliseconds longest before requests failed
  for scheme in http https; do
    read -r milliseconds longest before requests failed < <(gap "$work/visits.$scheme")
    say "  ${scheme^^}: at most $milliseconds ms between two good responses, the longest wait $longest ms (before: $before ms);" \
      "$failed of $requests requests met closed doors"
  done
}

# front_user: the number of the user that the other server listens as.
front_user() {
  local name
  name=$(property "$front.service" User)
  id -u "${name:-root}"
}

# say_not_shared: the reason is the last line of $work/share.
say_not_shared() { say "  the ports cannot be shared ($(tail -n 1 "$work/share")): one lets go, then the other takes them"; }

# share_ports USER: from here on sockets of this user may listen beside the owner of the ports; new connections go to them when steer_to says so.
# Exit code 1 where the kernel does not let us.
share_ports() {
  python3 -I "$here/lib/share_ports.py" share "$1" 2> "$work/share" || { say_not_shared; return 1; }
  # A connection that was not accepted yet when one of them closes goes to the other one (Linux 5.14).
  [ ! -e "$MIGRATE" ] || [ "$(< "$MIGRATE")" != 0 ] || { echo 1 > "$MIGRATE" && : > "$SHARING.migrate"; } 2> /dev/null || true
  : > "$SHARING"
}

is_sharing() { [ -e "$SHARING" ]; }

# steer_to first|second: which of the two that share the ports gets the new connections.
steer_to() {
  local index=0
  [ "$1" = first ] || index=1
  ! is_sharing || python3 -I "$here/lib/share_ports.py" steer "$index"
}

# unshare_ports own USER|alone: the listeners are as if nobody had joined.
unshare_ports() {
  is_sharing || return 0
  python3 -I "$here/lib/share_ports.py" "$@" || true # nobody listens: there is nothing to give back
  [ ! -e "$SHARING.migrate" ] || echo 0 > "$MIGRATE"
  rm -f "$SHARING" "$SHARING.migrate"
}

# prepare_move: what systemd is to know, read while nobody waits for it.
prepare_move() {
  local unit
  lay_in "$front.service" move "$(stop_lines)"
  for unit in "${SOCKETS[@]}"; do
    lay_in "$unit" move $'[Socket]\nReusePort=yes'
  done
  systemctl daemon-reload
}

forget_move() {
  local unit
  for unit in "$front.service" "${SOCKETS[@]}"; do
    take_out "$unit" move
  done
  systemctl daemon-reload
}

# front_lets_go: it gives its ports up at once, and has time for the requests that it still has.
front_lets_go() {
  local end=$((SECONDS + 20))
  systemctl stop --no-block "$front.service"
  until front_is_off; do
    [ "$SECONDS" -lt "$end" ] || fail "the ports 80 and 443 do not come free; $(listeners | paste -sd ' ') has them"
  done
}

# Where the ports are not shared nobody is served meanwhile, so that is asked without starting a process.
front_is_off() { if is_sharing; then ! listeners | grep -qx "$front"; else ports_are_free; fi; }

proxy_lets_go() {
  local end=$((SECONDS + 20))
  systemctl stop "${SOCKETS[@]}"
  # It has let go of the ports when it begins to stop, and goes on with what it has.
  systemctl stop --no-block edgeproxy.service
  until proxy_is_off; do
    [ "$SECONDS" -lt "$end" ] || fail "the ports 80 and 443 do not come free; $(listeners | paste -sd ' ') has them"
  done
}

proxy_is_off() { if is_sharing || is_lent; then ! listeners | grep -qE '^(systemd|edgeproxy)$'; else ports_are_free; fi; }

proxy_takes_ports() { systemctl start "${SOCKETS[@]}" edgeproxy.service; }

# why_not UNIT: what systemd and the unit said last.
why_not() { journalctl --unit "$1" --lines 5 --output cat --no-pager; }

# front_has_ended: its last request has its response.
front_has_ended() {
  until is_gone "$front.service"; do
    sleep 0.2
  done
}

# front_takes_ports FRONT UNIT HOST ADDRESS PATH: at once, also when it has not ended yet what it had before. The unit is what it sends to: after a cut power
# that does not run, and may need a while.
front_takes_ports() {
  front=$1
  shift
  systemctl start "$1"
  until_healthy "$@" || warn "$1 does not respond to $3$4 with 2xx: journalctl -u $1 -n 50"
  if is_active "$front.service"; then
    steer_to first
  else
    front_comes_back
  fi
  systemctl stop edgeproxy.service "${SOCKETS[@]}"
  end_lending
  unshare_ports own "$(front_user)"
  forget_move
  systemctl start "$front.service"
}

# front_comes_back: it has let go of the ports already, so EdgeProxy, if that has them, serves until it is there again. In a shell of its own: nothing that
# fails there ends the way back.
front_comes_back() {
  if ! is_gone "$front.service"; then
    timeout 5 systemctl stop "$front.service" || systemctl kill --signal KILL "$front.service"
  fi
  systemctl reset-failed "$front.service" 2> /dev/null || true
  if proxy_has_ports && is_active edgeproxy.service; then
    unshare_ports alone
    (front_joins) || true
  fi
}

# proxy_has_them_again [FRONT]: the way back of uninstall.sh. Where EdgeProxy has let go already, the other server goes on until it is there again, and where
# that does not start, for good.
proxy_has_them_again() {
  front=${1:-$front}
  end_lending
  prepare_move
  if proxy_has_ports && is_active edgeproxy.service; then
    steer_to first
  else
    systemctl stop edgeproxy.service # its last requests: systemd gives it no sockets before
    unshare_ports own "$(front_user)"
    ! is_active "$front.service" || share_ports 0 || systemctl stop "$front.service"
    if ! proxy_takes_ports && is_active "$front.service"; then
      steer_to first
      systemctl stop edgeproxy.service "${SOCKETS[@]}"
      unshare_ports own "$(front_user)"
      forget_move
      return 1
    fi
    steer_to second
  fi
  systemctl stop "$front.service"
  unshare_ports alone
  forget_move
}
