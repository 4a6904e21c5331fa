# Sourced by setup_bluegreen.sh: certificates that EdgeProxy orders while Caddy serves and passes the authority's question on (HTTP-01, RFC 8555 section 8.3).
# shellcheck shell=bash disable=SC2154 # what its callers set or use

readonly ISSUE_PATIENCE=120 # seconds; an authority responds within a few

caddy_admin() { python3 -I "$here/lib/caddy_admin.py" "$@"; }

# check_issue: whether Caddy can be told to pass challenges on.
check_issue() {
  if ! run_front adapt --config "$front_config" --adapter caddyfile > "$work/adapted.json" 2> "$work/adapt"; then
    in_the_way "--issue: caddy adapt --config $front_config fails: $(tail -n 1 "$work/adapt")"
  elif ! caddy_admin "$work/adapted.json" get "$work/caddy.json" 2> "$work/admin"; then
    in_the_way "--issue: Caddy has to be told through its admin API: $(tail -n 1 "$work/admin")"
  elif [ "$(ask 80 http "${to_issue[0]}" /)" = 000 ]; then
    in_the_way "--issue: nothing responds at http://${to_issue[0]}/ here, where the authority would look"
  fi
}

# pass_challenges_on PORT: Caddy does, to EdgeProxy's rehearsal. Before that starts, as it orders at once.
pass_challenges_on() {
  local kept=$BACKUP/run/caddy.json hosts
  mapfile -t hosts < <(values_of 'EdgeProxy__Tls__Acme__Domains__*')
  mkdir -p "$BACKUP/run"
  cp "$work/adapted.json" "$BACKUP/run/adapted.json"
  caddy_admin "$BACKUP/run/adapted.json" get "$kept" || fail "Caddy's admin API does not tell its configuration"
  undo caddy_forgets
  say "  Caddy passes /.well-known/acme-challenge/ on to EdgeProxy"
  caddy_admin "$BACKUP/run/adapted.json" route "$kept" "127.0.0.1:$1" "${hosts[@]}" || fail "Caddy does not take the route to EdgeProxy"
}

# await_certificates: EdgeProxy orders one for each name. Where Caddy's was imported it may come later, too.
await_certificates() {
  local host reason
  while read -r host; do
    if reason=$(await_certificate "$host"); then
      say "  $host: the authority has issued a certificate"
    elif is_to_issue "$host"; then
      fail "no certificate for $host: $reason"
    else
      say "  $host: Caddy's certificate goes on; a new one could not be had yet: $reason"
    fi
  done < <(values_of 'EdgeProxy__Tls__Acme__Domains__*')
  caddy_forgets
}

is_to_issue() { [[ " ${to_issue[*]} " == *" $1 "* ]]; }

# await_certificate HOST: until EdgeProxy has ordered one, or knows why not, which is printed then.
await_certificate() {
  local end=$((SECONDS + ISSUE_PATIENCE)) reason
  until has_own "$1"; do
    reason=$("$binary" certificates 2> /dev/null | sed -nE "s/^${1//./\\.}, [^ ]+: //p")
    [ -z "$reason" ] || { say "$reason"; return 1; }
    [ "$SECONDS" -lt "$end" ] || { say "the authority has said nothing for $ISSUE_PATIENCE s"; return 1; }
    sleep 0.2
  done
}

# caddy_forgets: its configuration is what it was before the route, to the byte.
caddy_forgets() {
  local kept=$BACKUP/run/caddy.json
  [ -e "$kept" ] || return 0
  caddy_admin "$BACKUP/run/adapted.json" put "$kept" || systemctl reload caddy.service
  rm -f "$kept" "$BACKUP/run/adapted.json"
}
