# Sourced by setup_bluegreen.sh and new-site: the files of EdgeProxy, and the drop-ins of the app's units. Each is written only where it differs.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

install_product() {
  local unit
  step "EdgeProxy"
  undo reload_units # the last thing on the way back
  if has_package; then
    say "  the package has its files in place"
  else
    install_files
  fi
  proxy_has_ports || keep_addresses
  install_site
  add_deployer
  [ -n "$dry" ] || systemctl daemon-reload
}

# state_goes_back: what systemd makes at the first start.
state_goes_back() {
  local directory
  for directory in /var/lib/edgeproxy /var/log/edgeproxy; do
    [ -e "$directory" ] || undo remove_tree "$directory"
  done
}

install_files() {
  local unit
  state_goes_back
  [ "$binary" = /usr/bin/edgeproxy ] || put /usr/bin/edgeproxy 0755 < "$binary"
  put /usr/lib/sysusers.d/edgeproxy.conf 0644 < "$here/sysusers.d/edgeproxy.conf"
  put /usr/lib/tmpfiles.d/edgeproxy.conf 0644 < "$here/tmpfiles.d/edgeproxy.conf"
  [ ! -d /etc/logrotate.d ] || put /etc/logrotate.d/edgeproxy 0644 < "$here/logrotate.d/edgeproxy"
  for unit in "${SOCKETS[@]}" edgeproxy.service; do
    put "/etc/systemd/system/$unit" 0644 < "$here/systemd/$unit"
  done
  if ! getent passwd edgeproxy > /dev/null; then
    undo remove_user edgeproxy
    change "add the user edgeproxy" systemd-sysusers /usr/lib/sysusers.d/edgeproxy.conf
  fi
}

# install_site: settings, certificates, and the right to read what is served.
install_site() {
  local host from path
  for path in "${to_grant[@]}"; do
    give_access "$path"
  done
  while read -r host; do
    from=$(stored "$host")
    if [ -n "$from" ] && [ ! -e "$CERTIFICATES/$host.crt" ]; then
      put "$CERTIFICATES/$host.crt" 0640 root:edgeproxy < "$from.crt"
      put "$CERTIFICATES/$host.key" 0640 root:edgeproxy < "$from.key"
    fi
  done < <(values_of 'EdgeProxy__Tls__Acme__Domains__*')
  if [ "$settings" != "$SETTINGS" ]; then
    compose_settings
    draft "$SETTINGS" 0640 root:edgeproxy < "$settings"
  fi
  install_polkit_rule
  [ -n "$dry" ] || chgrp edgeproxy /etc/edgeproxy "$CERTIFICATES" 2> /dev/null || true
  # Of an installation that was taken out: it might name another slot than the one that serves now.
  if ! proxy_has_ports && [ -e "$STATE/active.json" ]; then
    undo rename "$STATE/active.json.old" "$STATE/active.json"
    change "set an old active.json aside" mv "$STATE/active.json" "$STATE/active.json.old"
  fi
  proxy_has_ports || label_slot
}

# label_slot: what runs in the slot that serves, by its commit, so that a rollback of the first deploy knows where to go. EdgeProxy's own format.
label_slot() {
  local unit=$single tree commit
  [ -n "$from_single" ] || unit=$(unit_of "$serving")
  tree=$(checkout_of "$(property "$unit" WorkingDirectory | sed 's/^!//')") && commit=$(commit_of "$tree") || return 0
  printf '{"version":1,"slot":"%s","since":"%s","label":"%s"}\n' "$serving" "$(date --utc +%FT%T.%3NZ)" "$commit" > "$work/active"
  say "  $serving has commit $commit of $tree"
  put "$STATE/active.json" 0640 edgeproxy:edgeproxy < "$work/active"
}

# commit_of TREE: as restart_app.sh names it. Git runs as the owner: it would do what his configuration says.
commit_of() {
  local owner
  owner=$(stat -Lc %U "$1")
  setpriv --reuid "$owner" --regid "$(id -g "$owner")" --init-groups --reset-env git -C "$1" rev-parse --short HEAD 2> /dev/null
}

# install_polkit_rule: for the units of the settings. The package has the one for the usual two.
install_polkit_rule() {
  "$binary" polkit-rule --config "$settings" > "$work/polkit" || return 0 # processes instead of units: nothing to allow
  ! cmp -s "$work/polkit" /usr/share/polkit-1/rules.d/49-edgeproxy.rules || return 0
  put /etc/polkit-1/rules.d/49-edgeproxy.rules 0644 < "$work/polkit"
}

# units_to_run: that EdgeProxy starts and stops, a line each.
units_to_run() {
  [ "${setting[EdgeProxy__Units__Manager]:-Systemd}" != Process ] || return 0
  { unit_of blue; say; unit_of green; say; values_of 'EdgeProxy*__Slots__*__Unit'; values_of 'EdgeProxy*__Companions__*Unit'; } | grep . | sort -u
}

# may_run_units: polkit is asked about the process that runs, as systemd will ask it. Nothing is started for that.
may_run_units() {
  local pid unit verb end=$((SECONDS + 5))
  pid=$(property edgeproxy.service MainPID)
  for unit in $(units_to_run); do
    for verb in start stop restart; do
      # polkitd reads a new rule a moment after it was written.
      until pkcheck --action-id org.freedesktop.systemd1.manage-units --process "$pid" \
        --detail unit "$unit" --detail verb "$verb" > "$work/polkit-said" 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "EdgeProxy's user may not $verb $unit, so no switch would be possible;" \
          "polkit says: $(tail -n 1 "$work/polkit-said")." \
          "Is there a rule of your own that denies it? grep -l manage-units /etc/polkit-1/rules.d/*"
        sleep 0.2
      done
    done
  done
  say "  EdgeProxy's user may start and stop $(units_to_run | paste -sd ' ')"
}

# compose_settings: the other server's, with what the units and the options say.
compose_settings() {
  local options=() seconds places unit directory=$CERTIFICATES
  places=$(places)
  [ -z "$places" ] || options+=(--max-concurrent "$places")
  seconds=$(keep_alive)
  [ -z "$seconds" ] || options+=(--server-keep-alive "${seconds}s")
  for unit in "${companions[@]}"; do
    options+=(--companion "$unit")
  done
  if imports_certificates; then
    [ -z "$dry" ] || { directory=$work/certificates; mkdir "$directory"; } # it must be there
    options+=(--certificates "$directory")
  fi
  import_settings "${options[@]}"
  sed -i "s|$work/certificates|$CERTIFICATES|" "$settings"
}

# imports_certificates: Caddy has one at least, or had when this was set up.
imports_certificates() {
  local host
  [ "$front" = caddy ] || return 1
  [ ! -d "$CERTIFICATES" ] || return 0
  while read -r host; do
    [ -z "$(stored "$host")" ] || return 0
  done < <(values_of 'EdgeProxy__Tls__Acme__Domains__*')
  return 1
}

# keep_alive: how long both units keep an idle connection, in seconds; nothing where one does not say it.
keep_alive() {
  local unit seconds least=''
  [ -z "$gthread" ] || { say 75; return; }
  for unit in $(app_units); do
    seconds=$(option_of "$unit" --keep-alive)
    [ -n "$seconds" ] || return 0
    [ -n "$least" ] && [ "$least" -le "$seconds" ] || least=$seconds
  done
  [ "$least" -le 0 ] || say "$least"
}

# places: how many requests the app works on at a time; nothing where the units do not say it.
places() {
  local unit count least=''
  for unit in $(app_units); do
    count=$(places_of "$unit")
    [ -n "$count" ] || return 0
    [ -n "$least" ] && [ "$least" -le "$count" ] || least=$count
  done
  say "$least"
}

# give_access PATH: EdgeProxy's user may read it, now and what comes, and pass the directories above it.
give_access() {
  local above=$1 saved=$BACKUP/acl${1//\//_}
  [ -n "$dry" ] || getfacl --absolute-names --recursive "$1" > "$saved"
  undo restore_access "$saved"
  change "let edgeproxy read $1" setfacl --recursive --modify u:edgeproxy:rX "$1"
  [ ! -d "$1" ] || change "and what comes there" setfacl --recursive --default --modify u:edgeproxy:rX "$1"
  [ -n "$dry" ] || printf '%s\n' "$1" >> "$BACKUP/granted"
  while [ "$above" != / ]; do
    above=$(dirname "$above")
    if ! as_proxy test -x "$above"; then
      undo take_access "$above"
      change "let edgeproxy pass $above" setfacl --modify u:edgeproxy:x "$above"
      [ -n "$dry" ] || printf '%s\n' "$above" >> "$BACKUP/granted"
    fi
  done
  [ -n "$dry" ] || [ -z "$(unreadable "$1")" ] || fail "edgeproxy still cannot read $(unreadable "$1")"
}

add_deployer() {
  [ -n "$deployer" ] && [ "$deployer" != root ] || return 0
  if ! id -nG "$deployer" | tr ' ' '\n' | grep -qx edgeproxy; then
    undo leave_group "$deployer" edgeproxy
    change "let $deployer use \`edgeproxy switch\` (from the next login on)" usermod --append --groups edgeproxy "$deployer"
  fi
}

# install_app_units: blue and green of a single unit where they are missing; what their stops and starts need; what is asked for.
install_app_units() {
  local slot unit companion warnings
  step "The app's units"
  warnings=$(verify_app_units)
  for slot in blue green; do
    unit=$(unit_of "$slot")
    [ -z "$from_single" ] || draft "/etc/systemd/system/$unit" "$(mode_of "$single")" < "$work/derived-$slot"
    [ -z "$move_secrets" ] || hide_secrets "$unit"
  done
  for slot in blue green; do
    adapt "$(unit_of "$slot")" "${from_single:+$single}"
  done
  for unit in "${companions[@]}"; do
    unbind "$unit"
  done
  [ -z "$dry" ] || return 0
  systemctl daemon-reload
  for unit in $(app_units); do
    bound_to "$unit" > "$work/bound"
    for companion in "${companions[@]}"; do
      ! grep -qxF "$companion" "$work/bound" || fail "$companion is still bound to $unit: systemctl show $companion -p PartOf -p Requires -p BindsTo"
    done
  done
  warnings=$(comm -13 <(sort <<< "$warnings") <(verify_app_units | sort))
  [ -z "$warnings" ] || fail "systemd does not like what came out: $warnings"
}

# mode_of UNIT: what a copy of it may be read by: everybody, where everybody may read all of its files.
mode_of() {
  local file mode=0644
  while IFS= read -r file; do
    [ -z "$(find "$file" ! -perm -004)" ] || mode=0600
  done < <(files_of "$1")
  say "$mode"
}

# adapt UNIT [ORIGINAL]: the drop-ins of one, judged by what systemd knows of it, or of the unit that it is made of.
adapt() {
  local unit=$1 judged=${2:-$1} wish lines
  lines=$(repairs "$judged")
  [ -z "$lines" ] || draft "/etc/systemd/system/$unit.d/50-edgeproxy.conf" 0644 <<< "$lines"
  for wish in user harden; do
    lines=$("wish_$wish")
    [ -z "$lines" ] || draft "/etc/systemd/system/$unit.d/51-edgeproxy-$wish.conf" 0644 <<< "$lines"
  done
  [ -z "$gthread" ] || wish_gthread "$unit" | draft "/etc/systemd/system/$unit.d/52-edgeproxy-gthread.conf" 0644
}

# unbind UNIT: it does not stop any more with the app's unit, as a companion that each switch restarts. Drop-ins can add dependencies, but not take them
# away (systemd.unit(5)): the lines go, from files of /etc or from copies there that count more than the package's.
unbind() {
  local unit=$1 file to
  while IFS= read -r file; do
    # shellcheck disable=SC2046 # a name each
    without_dependencies "$file" $(app_units) > "$work/unbound"
    ! cmp -s "$work/unbound" "$file" || continue
    case $file in
      /etc/systemd/system/*) to=$file ;;
      */"$unit") to=/etc/systemd/system/$unit ;;
      *) to=/etc/systemd/system/$unit.d/${file##*/} ;;
    esac
    say "  $unit does not stop any more with $(app_units)"
    put "$to" "$(stat --format %a "$file")" < "$work/unbound"
  done < <(files_of "$unit")
}

# hide_secrets UNIT: what everybody may read in a unit goes where only root can. The values act from the next start on, as before.
hide_secrets() {
  local unit=$1 file
  file=$(property "$unit" FragmentPath)
  : "${file:=/etc/systemd/system/$unit}"
  [ -e "$file" ] && grep -q '^Environment=' "$file" || return 0
  secret_lines "$file" | put "/etc/edgeproxy/${unit%.service}.env" 0600
  awk -v line="EnvironmentFile=/etc/edgeproxy/${unit%.service}.env" '/^Environment=/ { if (!told++) print line; next } { print }' "$file" |
    put "$file" "$(stat --format %a "$file")"
}

verify_app_units() { systemd-analyze verify --man=no "$(unit_of blue)" "$(unit_of green)" 2>&1 | grep -F -e "$(unit_of blue)" -e "$(unit_of green)" || true; }

# static_samples: the path of one file in each directory that files are served from.
static_samples() {
  local root path file
  while IFS=$'\t' read -r root path; do
    file=$(find -L "$root" -type f -regextype posix-extended -regex '.*/[A-Za-z0-9_-]+\.(css|js|png|txt|svg|jpg|woff2?)' -print -quit 2> /dev/null || true)
    [ -z "$file" ] || say "$path${file#"$root"}"
  done < <(served)
}

# refresh_proxy: a later run, with EdgeProxy on the ports already.
refresh_proxy() {
  [ -n "${changed:-}" ] || return 0
  step "What is new"
  undo restart edgeproxy.service
  change "restart edgeproxy.service; its sockets stay open meanwhile" systemctl restart edgeproxy.service
}
