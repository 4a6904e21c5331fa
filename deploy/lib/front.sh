# Sourced by setup_bluegreen.sh, new-site and uninstall.sh: the server that has the ports before EdgeProxy, and gets them back: Caddy or nginx.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

readonly FRONT=$BACKUP/front # of the take-over: caddy or nginx, and its configuration

front=caddy
front_config='' # --caddyfile, --nginx-config
declare -rA TITLES=([caddy]=Caddy [nginx]=nginx) DEFAULT_CONFIGS=([caddy]=/etc/caddy/Caddyfile [nginx]=/etc/nginx/nginx.conf)

title() { printf '%s' "${TITLES[$front]}"; }

# run_front WORD...: the program of its unit, as there may be another one in the PATH, which knows other directives.
run_front() {
  local program
  program=$(command_of "$front.service" | head -n 1)
  case ${program##*/} in "$front"*) ;; *) program=$front ;; esac # a script that starts it
  with_fronts_variables "$program" "$@"
}

# find_front: of the take-over, if there was one; else who was named, or listens.
find_front() {
  local named=$front_config
  if [ -s "$FRONT" ]; then
    read -r front front_config < "$FRONT"
  elif [ -z "$named" ] && ! is_active caddy.service && { listeners | grep -qx nginx || ! exists caddy.service && exists nginx.service; }; then
    front=nginx
  fi
  : "${front_config:=${DEFAULT_CONFIGS[$front]}}"
}

# keep_front: for the way back, and for the next run.
keep_front() {
  [ -z "$dry" ] && [ ! -s "$FRONT" ] || return 0
  undo remove "$FRONT"
  append "$FRONT" "$front $front_config"
}

# with_fronts_variables COMMAND...: as its unit would run it, of which systemd knows the files of variables, too: a Caddyfile's {$VARIABLES} are there.
with_fronts_variables() {
  local variables files file options=()
  mapfile -t files < <(property "$front.service" EnvironmentFiles | sed -nE 's/^(.*) \(ignore_errors=yes\)$/-\1/p; s/^(.*) \(ignore_errors=no\)$/\1/p')
  mapfile -t variables < <(property "$front.service" Environment | xargs --no-run-if-empty -n 1)
  if [ ${#files[@]} -eq 0 ]; then
    env "${variables[@]}" "$@"
    return
  fi
  for file in "${variables[@]}"; do
    options+=("--setenv=$file")
  done
  for file in "${files[@]}"; do
    options+=("--property=EnvironmentFile=$file")
  done
  # systemd expands $NAME in arguments; $$ stands for a dollar.
  systemd-run --quiet --pipe --wait --collect --same-dir "${options[@]}" -- "${@//\$/\$\$}" 9>&-
}

# front_import [OPTION...]: its configuration as EdgeProxy's settings.
front_import() {
  if [ "$front" = nginx ]; then
    "$binary" import-nginx "$front_config" "$@"
  else
    with_fronts_variables "$binary" import-caddyfile "$front_config" "$@"
  fi
}

# stop_lines: it gives its ports up when it is told to stop, and has time for the requests that it still has. Debian's nginx.service would have five seconds.
stop_lines() {
  printf '[Service]\nTimeoutStopSec=%s' "$PATIENCE"
  [ "$front" != nginx ] || printf '\nExecStop=\nKillSignal=SIGQUIT\nKillMode=mixed'
}

# front_joins: it starts beside EdgeProxy. Caddy may bind a port that is shared with it; nginx gets the sockets themselves, so that both accept from one queue.
front_joins() {
  if [ "$front" = nginx ]; then
    lend_ports
  else
    share_ports "$(front_user)"
  fi || proxy_lets_go
  if is_lent && ! start_front; then
    # Its unit may have a sandbox in which nobody takes hold of another's sockets.
    say "  the ports cannot be lent ($(why_not "$front.service" | grep -vE '^nginx\.service|systemd' | tail -n 1)): one lets go, then the other takes them"
    end_lending
    reset_failed "$front.service"
    proxy_lets_go
  fi
  start_front || fail "$(title) does not start: $(why_not "$front.service")"
  steer_to second || fail "$(title) shares the ports with EdgeProxy, but new connections cannot be given to it (why: above)"
}

start_front() { systemctl start "$front.service" && has_started; }

# has_started: nginx with sockets that were lent stays in the foreground, and says nothing when its workers are there: one of them holds a socket then.
has_started() {
  local end=$((SECONDS + 20))
  is_lent || return 0
  until has_workers; do
    [ "$SECONDS" -lt "$end" ] && is_active nginx.service || return 1
    sleep 0.1
  done
}

# has_workers: that its main process has children says less: what lends it the sockets may be a script.
has_workers() {
  local main pid name
  main=$(property nginx.service MainPID)
  while read -r pid name; do
    [ "$pid" = "$main" ] || [ "$(unit_of_process "$pid")" != nginx.service ] || [ ! "/proc/$pid/exe" -ef "/proc/$main/exe" ] || return 0
  done < <(port_holders)
  return 1
}

lend_ports() {
  python3 -I -c 'import os; os.pidfd_open' 2> "$work/share" || { say_not_shared; return 1; }
  lay_in nginx.service lend "$(printf '[Service]\nType=exec\nExecStart=\nExecStart=%s -I %s lend %s' \
    "$(command -v python3)" "$here/lib/share_ports.py" "$(exec_line nginx.service)")"
  systemctl daemon-reload
}

is_lent() { [ -e "$RUNTIME/nginx.service.d/edgeproxy-lend.conf" ]; }

end_lending() {
  is_lent || return 0
  take_out nginx.service lend
  systemctl daemon-reload
}

# keep_addresses: systemd's sockets listen as the other server does, where that is not both families at once: a port is shared by sockets that are bound alike.
# nginx has one for each, as a rule. Where the kernel has no IPv6, Caddy has not chosen it.
keep_addresses() {
  local at port addresses
  [ "$front" = nginx ] || [ -e /proc/net/tcp6 ] || return 0
  for at in 0 1; do
    port=$((at ? 443 : 80))
    mapfile -t addresses < <(addresses "$port")
    if [ ${#addresses[@]} -eq 0 ] || [[ " ${addresses[*]} " == *" $port "* ]]; then
      continue
    fi
    {
      printf '# As %s had it.\n' "$(title)"
      printf '[Socket]\nListenStream=\n'
      printf 'ListenStream=%s\n' "${addresses[@]}"
      printf 'BindIPv6Only=ipv6-only\n'
    } > "$work/addresses"
    put "/etc/systemd/system/${SOCKETS[at]}.d/40-addresses.conf" 0644 < "$work/addresses"
  done
}

# check_front: what only nginx has.
check_front() {
  [ "$front" = nginx ] || return 0
  check_renewals
}

# check_renewals: what certbot does with nginx, which does not run any more.
check_renewals() {
  local file name plugin hook
  for file in /etc/letsencrypt/renewal/*.conf; do
    [ -e "$file" ] || continue
    name=$(basename "$file" .conf)
    values_of 'EdgeProxy__Tls__Certificates__*' | grep -qF "/live/$name/" || continue
    plugin=$(sed -nE 's/^(authenticator|installer) *= *(nginx|standalone)$/\1 = \2/p' "$file" | paste -sd , -)
    [ -z "$plugin" ] || say "  $name: certbot renews it by what needs the ports ($plugin in $file), and could not;" \
      "EdgeProxy can order it: afterwards, in $SETTINGS, without \"Acme\": false of the sites, and in Tls" \
      " \"Acme\": { \"Domains\": [\"$name\"], \"AcceptTermsOfService\": true }"
    hook=$(sed -nE 's/^(renew_hook|post_hook|pre_hook) *= *(.*nginx.*)/\1 = \2/p' "$file")
    [ -z "$hook" ] || say "  $name: certbot runs \"$hook\" ($file); EdgeProxy reads renewed files by itself: take that line out"
  done
  while read -r hook; do
    say "  $hook is about nginx; EdgeProxy reads renewed certificates by itself: sudo chmod -x $hook"
  done < <(find /etc/letsencrypt/renewal-hooks -type f -perm /111 -exec grep -l nginx {} + 2> /dev/null)
}

# granted_with FILE: what has to be readable so that a file is, also after its renewal: of certbot's, whose next ones come into the archive beside it.
granted_with() {
  local target
  target=$(realpath "$1" 2> /dev/null || printf '%s' "$1")
  if [[ $1 == /etc/letsencrypt/live/* && $target == /etc/letsencrypt/archive/*/* ]]; then
    printf '%s\n%s\n' "$(dirname "$target")" "$(dirname "$1")" # what the links lead to first
  else
    say "$1"
  fi
}
