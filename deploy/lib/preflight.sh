# Sourced by setup_bluegreen.sh and new-site: what is here, and whether it can be done. Nothing is changed here; all that is in the way is told at once.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

readonly SETTINGS=/etc/edgeproxy/appsettings.json

serving=''     # the slot that serves at the end: blue or green
from_single='' # there is a single unit, from which blue and green are to be made
single_address='' # where that listens
front_upstream='' # where the other server sends, when that is no slot's address
problems=()
to_grant=()
to_issue=() # names whose certificate EdgeProxy orders while Caddy serves

in_the_way() { problems+=("$*"); }

# find_tools [TOOL:PACKAGE...]: what every site needs here, and these.
# shellcheck disable=SC2120
find_tools() {
  local tool missing=()
  for tool in awk:mawk curl:curl flock:util-linux openssl:openssl pkcheck:polkitd setpriv:util-linux ss:iproute2 systemd-analyze:systemd "$@"; do
    is_here "${tool%%:*}" || missing+=("${tool##*:}")
  done
  exists polkit.service || [[ " ${missing[*]} " == *" polkitd "* ]] || missing+=(polkitd) # EdgeProxy's user may start two units by its rule
  [ ${#missing[@]} -gt 0 ] || return 0
  again="sudo apt install ${missing[*]} && $again"
  usage_error "what is missing here is in ${missing[*]}"
}

# is_here TOOL: Debian's Python comes without what makes environments.
is_here() {
  case $1 in
    venv) python3 -I -c 'import ensurepip, venv' ;;
    *) command -v "$1" ;;
  esac > /dev/null 2>&1
}

find_binary() {
  local file
  for file in "$binary" "$here/../bin/edgeproxy" /usr/bin/edgeproxy; do
    [ -z "$file" ] || [ ! -x "$file" ] || { binary=$(realpath "$file"); break; }
  done
  [ -x "$binary" ] || usage_error "no edgeproxy here${binary:+ ($binary)}: install the package, or name the executable with --binary FILE"
  say "  $("$binary" version), $binary"
}

# read_site: the settings that are there, else those that the other server's configuration means.
read_site() {
  if [ -e "$SETTINGS" ]; then
    settings=$SETTINGS
    say "  $SETTINGS is there, and stays"
  else
    settings=$work/appsettings.json
    # shellcheck disable=SC2119
    import_settings
    awk '!told[$0]++ { print "  " $0 }' "$work/import" # notes, each with its line
  fi
  read_settings "$settings"
  demand_health_path
  say "  ${settings/#"$work"*/$front_config}: $(hosts | paste -sd ' ')"
}

# import_settings [OPTION...]: what the other server's configuration means.
# shellcheck disable=SC2120
import_settings() {
  if import_with "$@"; then
    return
  fi
  # Where nothing but the health path is missing, the running app is asked for one.
  if [ -z "$health" ] && cp "$work/import" "$work/refused" && import_with --health-path / "$@"; then
    read_settings "$work/appsettings.json"
    find_health
    import_with "$@"
    return
  fi
  [ ! -e "$work/refused" ] || mv -f "$work/refused" "$work/import"
  usage_error "$front_config has what EdgeProxy cannot take over; nothing was changed:"$'\n'"$(cat "$work/import")"
}

# import_with OPTION...: where the app listens on neither slot's address, and the units of the slots are not there yet, these are made to begin with.
import_with() {
  local blue=${blue_address:-} green=${green_address:-} upstream
  front_upstream=''
  if front_import ${health:+--health-path "$health"} ${blue:+--blue "$blue"} ${green:+--green "$green"} "${slot_options[@]}" "$@" \
    > "$work/appsettings.json" 2> "$work/import"; then
    return
  fi
  upstream=$(sed -nE 's/.*(needs an address beside|sends requests to) ((unix|http):[^ ;,]+)[;,].*/\2/p' "$work/import" | head -n 1)
  [ -n "$upstream" ] && ! slots_are_here || return 1
  : "${blue:=http://127.0.0.1:8000}" "${green:=http://127.0.0.1:8100}"
  front_import ${health:+--health-path "$health"} --blue "$upstream" --green "$green" "${slot_options[@]}" "$@" > "$work/appsettings.json" 2> "$work/import" \
    || return 1
  front_upstream=$upstream
  sed -i "s|\"Address\": \"$upstream\"|\"Address\": \"$blue\"|" "$work/appsettings.json"
}

slots_are_here() { exists "${blue_unit:-app-server-blue.service}" && exists "${green_unit:-app-server-green.service}"; }

# find_health: of the paths that many apps have, the first one that the running app responds to with 2xx, asked as EdgeProxy will ask.
find_health() {
  local address path status told=()
  address=$(running_address)
  for path in "${USUAL_PATHS[@]}"; do
    status=$(health_status "$(health_host)" "$address" "$path")
    if [[ $status == 2?? ]]; then
      health=$path
      say "  $path is the health path: $address responds to it with $status; --health-path PATH names another one"
      return
    fi
    told+=("$path $status")
  done
  again+=' --health-path /PATH'
  usage_error "a path is needed to which the app responds with 2xx only when it is well; $address responds (000: not at all): $(IFS=,; say "${told[*]}")"
}

# running_address: of what is sent to today.
running_address() {
  local slot=${setting[EdgeProxy__InitialSlot]:-blue}
  printf '%s' "${front_upstream:-$(address_of "${slot,,}")}"
}

# demand_health_path: of settings that are there. EdgeProxy would find one by itself, which nobody has looked at.
demand_health_path() {
  [ -z "${setting[EdgeProxy__Health__Path]:-}" ] && ! proxy_has_ports || return 0
  find_health
  usage_error "$SETTINGS names no Health:Path; put into its \"EdgeProxy\":  \"Health\": { \"Path\": \"$health\" }"
}

# read_layout: blue and green, or the single unit that they are to be made of; and which slot serves.
read_layout() {
  local slot
  if exists "$(unit_of blue)" && exists "$(unit_of green)"; then
    if proxy_has_ports; then
      serving=$("$binary" status | sed -nE 's/.*traffic is on (blue|green).*/\1/p' | head -n 1)
      settle_health_path "$(address_of "$serving")"
    else
      serving=${setting[EdgeProxy__InitialSlot]:-blue}
      serving=${serving,,}
    fi
  else
    find_single
    from_single=1
    for slot in green blue; do
      [ "$(address_of "$slot")" = "$single_address" ] || serving=$slot
    done
  fi
  say "  ${from_single:+$single becomes blue and green; }$serving serves"
}

# find_single: the unit that is to become two: who was named, else who listens where the other server sends; and where that is.
find_single() {
  local address
  if [ "$settings" != "$SETTINGS" ]; then
    single_address=$(running_address)
  elif (read_site_again) > /dev/null 2>&1; then
    single_address=$(< "$work/upstream")
  fi
  if [ -z "$single" ] && [ -n "$single_address" ]; then
    single=$(unit_at "$single_address") || true
    refuse_supervised
  fi
  : "${single:=app-server-prod.service}"
  exists "$single" \
    || usage_error "there is neither $(unit_of blue) with $(unit_of green) (--blue-unit UNIT --green-unit UNIT)" \
      "nor $single (--single UNIT)${single_address:+, and no unit listens on $single_address, where $(title) sends};" \
      "deploy/systemd has units for a new site; what runs here: systemctl list-units --type service"
  if [ -z "$single_address" ]; then
    while read -r address; do
      [ "$(health_status "$(health_host)" "$address" "$(health_path)")" = 000 ] || single_address=$address
    done < <(listens_at "$single")
    : "${single_address:=http://127.0.0.1:$(port_of "$single")}"
  fi
  is_here python3 || { again="sudo apt install python3 && $again"; usage_error "to make blue and green of $single, Python is needed"; }
}

# read_site_again: where the other server sends, when the settings that are there do not come from it now.
read_site_again() {
  health=/
  import_with
  [ -n "$front_upstream" ] || { read_settings "$work/appsettings.json"; front_upstream=$(running_address); }
  printf '%s' "$front_upstream" > "$work/upstream"
}

# refuse_supervised: what runs the app is no unit of it.
refuse_supervised() {
  case $single in
    supervisor*.service)
      usage_error "supervisor runs the app, and EdgeProxy starts and stops units of systemd; this makes one of it:"$'\n'"$(
        python3 -I "$here/lib/supervisor_unit.py" "${again#sudo }" \
          /etc/supervisor/conf.d/*.conf /etc/supervisord.d/*.ini /etc/supervisor/supervisord.conf /etc/supervisord.conf)"
      ;;
    docker*.service | containerd*.service | podman*.service)
      usage_error "a container is the app, and EdgeProxy starts and stops units of systemd; one for each slot," \
        "of the Compose file's service web (change that, the directory and the port in the container to yours):"$'\n'"$(compose_units)"
      ;;
  esac
}

# compose_units: lines to be pasted.
compose_units() {
  local slot
  for slot in blue green; do
    cat << END
sudo tee /etc/systemd/system/$(unit_of "$slot") << 'UNIT'
[Service]
WorkingDirectory=/srv/app
ExecStart=docker compose run --rm --no-TTY --name app-$slot --publish 127.0.0.1:$(port_of_address "$slot"):8000 web
ExecStop=docker stop --time 40 app-$slot
TimeoutStopSec=60
[Install]
WantedBy=multi-user.target
UNIT
END
  done
  say "sudo systemctl daemon-reload && sudo systemctl start $(unit_of "$serving" 2> /dev/null || unit_of blue)"
}

preflight() {
  step "Whether it can be done"
  end_try # of a run that was killed
  proxy_has_ports || check_ports
  check_app
  check_front
  check_certificates
  check_static
  check_companions
  check_bound
  check_wishes
  [ ${#problems[@]} -eq 0 ] || usage_error "it cannot be done as things are; nothing was changed:$(printf '\n  %s' "${problems[@]}")"
  say "  nothing is in the way"
}

check_ports() {
  local who
  is_active "$front.service" || in_the_way "$front.service does not run: systemctl start $front"
  ! is_active edgeproxy.service || in_the_way "edgeproxy.service runs already, elsewhere than on ports 80 and 443: systemctl stop edgeproxy"
  while read -r who; do
    [ "$who" = "$front" ] || in_the_way "port 80 or 443 is $who's, not $(title)'s: ss -ltnp '( sport = :80 or sport = :443 )'"
  done < <(listeners)
}

check_app() {
  local slot unit
  if [ -n "$from_single" ]; then
    check_memory
    check_health "$single" "$single_address"
    gunicorn_config "$single"
    [ ${#problems[@]} -gt 0 ] || try_derived
    return
  fi
  for slot in blue green; do
    unit=$(unit_of "$slot")
    gunicorn_config "$unit"
    # Where it runs it is asked; of the other one only what its command says is known.
    is_active "$unit" || [[ $(port_of "$unit") =~ ^($(port_of_address "$slot"))?$ ]] \
      || in_the_way "$unit listens on port $(port_of "$unit"), the settings have $(address_of "$slot")"
  done
  ! is_active "$(unit_of "$serving")" || check_health "$(unit_of "$serving")" "$(address_of "$serving")"
}

# try_derived: the unit of the slot that is to serve first, made of the single one and run beside it for a moment, on its own port and serving nobody. Whatever
# its command is: it has to come up well, there, and nowhere else.
try_derived() {
  local try=$TRY address end=$((SECONDS + 60)) said heard slot
  for slot in blue green; do
    derived "$single" "$slot" "$(address_of "$slot")" > "$work/derived-$slot" 2> "$work/derive" || { refuse_to_derive; return; }
  done
  address=$(address_of "$serving")
  if heard=$(unit_at "$address"); then
    in_the_way "$address, where $serving is to listen, is $heard's; name addresses that are free: --blue http://127.0.0.1:PORT --green http://127.0.0.1:PORT"
    return
  fi
  say "  try $serving, made of $single, on $address"
  sed -E '/^(RefuseManualStart|Alias)=/d' "$work/derived-$serving" > "/run/systemd/system/$try"
  printf '\n[Unit]\nOnFailure=\nOnSuccess=\n[Service]\nRestart=no\nTimeoutStartSec=60\nStandardOutput=journal\nStandardError=journal\n' \
    >> "/run/systemd/system/$try"
  systemctl daemon-reload
  said=$(systemd-analyze verify --man=no "$try" 2>&1 | grep -F "$try" |
    grep -vFf <(systemd-analyze verify --man=no "$single" 2>&1 | grep -F "$single" | sed "s/^.*: //") || true)
  [ -z "$said" ] || in_the_way "of $single systemd would not take what $serving is to be: $said"
  systemctl start --no-block "$try"
  until healthy "$(health_host)" "$address" "$(health_path)" || [ "$SECONDS" -ge "$end" ] || is_over "$try"; do
    sleep 0.2
  done
  if healthy "$(health_host)" "$address" "$(health_path)"; then
    heard=$(listens_at "$try" | awk -v own="$address" '$0 != own' | sort -u | paste -sd ' ')
    [ -z "$heard" ] || in_the_way "made of $single, $serving listens on $heard, too, which two slots cannot share; take that out of what $single starts"
  else
    heard=$(listens_at "$try" | sort -u | paste -sd ' ')
    in_the_way "made of $single, $serving does not respond to $address$(health_path) with 2xx (it listens on: ${heard:-nothing}):" \
      "$(journalctl --unit "$try" --lines 8 --output cat --no-pager)"
  fi
  end_try
}

# is_over UNIT: it will not come up any more.
is_over() { [[ $(property "$1" ActiveState) =~ ^(failed|inactive)$ && $(property "$1" Job) =~ ^0?$ ]]; }

# refuse_to_derive: why, in what has been said; its last line is to be run first.
refuse_to_derive() {
  again="$(tail -n 1 "$work/derive") && $again"
  in_the_way "$single: $(sed '$d' "$work/derive")"
}

# check_health UNIT ADDRESS
check_health() {
  local status
  status=$(health_status "$(health_host)" "$2" "$(health_path)")
  [[ $status == 2?? ]] || in_the_way "$1 does not respond to $(health_path) with 2xx ($2 says $status; 000: nothing);" \
      "where that is not the right path: --health-path PATH"
}

# check_memory: as in every switch, two versions run for a while.
check_memory() {
  local used
  used=$(property "$single" MemoryCurrent)
  [[ ! $used =~ ^[0-9]{1,15}$ ]] || [ "$((used / 1024))" -lt "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" ] \
    || in_the_way "$single uses $((used / 1048576)) MB, and less is available: there is no room for a second version beside it"
}

# check_certificates: for each name that Caddy got from an authority there is one to begin with; own files can be read.
check_certificates() {
  local host home file
  if [ "$front" = caddy ]; then
    home=$(getent passwd "$(property caddy.service User)" | cut -d : -f 6)
    : "${caddy_storage:=$home/.local/share/caddy/certificates}"
  fi
  while read -r host; do
    if [ ! -s "$CERTIFICATES/$host.crt" ] && ! has_own "$host" && [ -z "$(stored "$host")" ]; then
      [ -n "$issue" ] || in_the_way "Caddy has no valid certificate for $host in $caddy_storage (--caddy-storage DIR;" \
        "or --issue: EdgeProxy orders one while Caddy serves)"
      to_issue+=("$host")
    fi
  done < <(values_of 'EdgeProxy__Tls__Acme__Domains__*')
  while read -r file; do
    [ -d "$file" ] || check_readable "$file" "a certificate"
  done < <(values_of 'EdgeProxy__Tls__Certificates__*')
  if [ -n "$issue" ] && [ ${#to_issue[@]} -gt 0 ]; then
    check_issue
  fi
}

check_static() {
  local root path
  while IFS=$'\t' read -r root path; do
    if [ -d "$root" ]; then
      check_readable "$root" "static files"
    else
      say "  $root is not there; its paths (${path:-/}) get 404, as they do with $(title)"
    fi
  done < <(served)
}

# check_readable PATH WHAT
check_readable() {
  local first
  first=$(unreadable "$1")
  if [ -n "$first" ] && [ -n "$grant" ]; then
    command -v setfacl > /dev/null || in_the_way "--grant needs setfacl: apt install acl"
    mapfile -t to_grant < <({ [ ${#to_grant[@]} -eq 0 ] || printf '%s\n' "${to_grant[@]}"; granted_with "$1"; } | awk '!told[$0]++')
  elif [ -n "$first" ]; then
    [[ $again == *" --grant"* ]] || again+=' --grant'
    in_the_way "$1 ($2): EdgeProxy's user cannot read $first; --grant gives it that by an access control list"
  fi
}

# check_companions: those that were named; and what else runs from the app's directory is told, as it would go on with the old code after a deploy.
check_companions() {
  local unit here_too
  mapfile -t here_too < <(units_beside_app)
  for unit in "${companions[@]}"; do
    if ! exists "$unit"; then
      in_the_way "--companion $unit: systemd knows no such unit"
    elif [[ " $(app_units) $(unit_of blue) $(unit_of green) " == *" $unit "* ]]; then
      in_the_way "--companion $unit: that is the app itself"
    elif [ "$settings" = "$SETTINGS" ] && ! follows "$unit"; then
      in_the_way "--companion $unit: $SETTINGS is there, and stays; add to its Companions { \"Name\": \"${unit%.service}\", \"Unit\": \"$unit\" }"
    fi
  done
  for unit in "${here_too[@]}"; do
    [[ " ${companions[*]} " == *" $unit "* ]] || follows "$unit" \
      || say "  $unit runs from the app's directory, too, and would go on with the old code after a switch;" \
        "--companion ${unit%.service} has each switch restart it"
  done
}

# check_bound: what depends on a unit of the app, by name. What stops with it would stop for good with a single unit, and at every second switch with a slot's.
check_bound() {
  local app unit
  for app in $(app_units); do
    while read -r unit; do
      if [[ " ${companions[*]} " == *" $unit "* ]]; then
        check_unbindable "$unit"
      elif ! follows "$unit"; then
        again+=" --companion ${unit%.service}"
        in_the_way "$unit stops with $app, or does not start without it (PartOf=, Requires=, BindsTo=), and $app stops when traffic has left it;" \
          "to have each switch restart it instead: --companion ${unit%.service}"
      fi
    done < <(bound_to "$app")
    [ -n "$from_single" ] || continue
    while read -r unit; do
      [[ " $(property "$app" TriggeredBy) " != *" $unit "* ]] || continue
      say "  $unit starts $app, which does not start any more when EdgeProxy runs the app: take $app out of the Wants= of $unit (systemctl edit --full $unit)"
    done < <(wanting "$app")
    while read -r unit; do
      [[ " ${companions[*]} " == *" $unit "* ]] || follows "$unit" \
        || say "  $unit is started by $app, which does not start any more at boot: --companion ${unit%.service}, or systemctl add-wants multi-user.target $unit"
    done < <(started_by "$app")
  done
}

# check_unbindable UNIT: where the dependencies stand, which have to go.
check_unbindable() {
  local file found=''
  while IFS= read -r file; do
    # shellcheck disable=SC2046 # a name each
    [ "$(without_dependencies "$file" $(app_units))" = "$(< "$file")" ] || found=1
  done < <(files_of "$1")
  [ -n "$found" ] || in_the_way "$1 is bound to the app by no line of its own files: systemctl show $1 -p PartOf -p Requires -p BindsTo"
}

# follows UNIT: the settings have it as a companion.
follows() { values_of 'EdgeProxy*__Companions__*Unit' | grep -qxF "$1"; }

# units_beside_app: services that run in the directory of the app's units, and are none of them.
units_beside_app() {
  local unit=$single directory
  [ -n "$from_single" ] || unit=$(unit_of "$serving")
  directory=$(property "$unit" WorkingDirectory)
  [[ ${directory#!} == /?* ]] || return 0
  systemctl show --state active --property Id,WorkingDirectory '*.service' \
    | awk -v RS= -v FS='\n' -v directory="WorkingDirectory=$directory" -v app=" $single $(unit_of blue) $(unit_of green) $TRY " '
      { id = ""; inside = 0
        for (i = 1; i <= NF; i++) { if ($i ~ /^Id=/) id = substr($i, 4); else if ($i == directory) inside = 1 } }
      inside && !index(app, " " id " ") { print id }'
}

# check_wishes: what was asked for beyond the repairs.
check_wishes() {
  local unit
  for unit in $(app_units); do
    if [ -n "$app_user" ]; then
      check_user "$unit"
    fi
    if [ -n "$move_secrets" ] && ! secret_lines "$(property "$unit" FragmentPath)" > /dev/null; then
      in_the_way "$unit: an Environment= line has an escape, a specifier or a second line; --move-secrets leaves that to you"
    fi
    if [ -n "$gthread" ] && [[ $(command_of "$unit" | head -n 1) != */gunicorn ]]; then
      in_the_way "$unit: its ExecStart is not gunicorn's; --gthread would not know where its options go"
    fi
    if [ -n "$app_user$gthread$harden" ] && [ ${#problems[@]} -eq 0 ]; then
      try_wishes "$unit"
    fi
  done
}

# app_units: those that are here now.
app_units() { if [ -n "$from_single" ]; then say "$single"; else unit_of blue; printf ' '; unit_of green; fi; }

as_user() { setpriv --reuid "$app_user" --regid "$(id -g "$app_user")" --init-groups --inh-caps=-all -- "$@"; }

# check_user UNIT: may the new user do what the app does with files?
check_user() {
  local unit=$1 file
  getent passwd "$app_user" > /dev/null || { in_the_way "there is no user $app_user: useradd --system $app_user"; return; }
  as_user test -x "$(command_of "$unit" | head -n 1)" || in_the_way "$unit: $app_user cannot run $(command_of "$unit" | head -n 1)"
  as_user test -r "$(property "$unit" WorkingDirectory)" || in_the_way "$unit: $app_user cannot read $(property "$unit" WorkingDirectory)"
  for file in "$(option_of "$unit" --access-logfile)" "$(option_of "$unit" --error-logfile --log-file)"; do
    [[ $file != /* ]] || as_user test -w "$file" || { [ ! -e "$file" ] && as_user test -w "$(dirname "$file")"; } \
      || in_the_way "$unit: $app_user cannot write $file: chown -R $app_user $(printf %q "$(dirname "$file")")"
  done
  while read -r file; do
    [[ $file != */media* ]] || [ ! -d "$file" ] || as_user test -w "$file" || in_the_way "$app_user cannot write $file: chown -R $app_user $(printf %q "$file")"
  done < <(values_of 'EdgeProxy__StaticFiles__*__Root'; values_of 'EdgeProxy__Sites__*__Files__Root')
}

# try_wishes UNIT: gunicorn loads the app as it is to run from now on, in a unit of its own that serves nobody.
try_wishes() {
  local unit=$1 try=$TRY
  say "  try ${unit} with what is asked for"
  [ -z "$dry" ] || return 0
  {
    systemctl cat "$unit"
    printf '\n[Service]\nType=oneshot\nRestart=no\nStandardOutput=journal\nStandardError=journal\n'
    wish_user
    wish_harden
    printf '\n[Service]\nExecStart=\nExecStart=%s --check-config\n' "$(wished_command "$unit")"
  } > "/run/systemd/system/$try"
  systemctl daemon-reload
  systemctl start "$try" || in_the_way "$unit does not start with what is asked for: $(journalctl --unit "$try" --lines 8 --output cat --no-pager)"
  end_try
}

# wished_command UNIT: its ExecStart, threaded when that is asked for. Of an option that is given twice gunicorn takes the last.
wished_command() {
  local command
  command=$(exec_line "$1")
  [ -z "$gthread" ] || [[ $command == *--worker-class\ gthread* ]] || command+=' --worker-class gthread --threads 4 --keep-alive 75'
  printf '%s' "$command"
}

# What is asked for, as drop-ins; nothing when it is not.
wish_user() { [ -z "$app_user" ] || printf '[Service]\nUser=%s\nGroup=%s\n' "$app_user" "$(id -gn "$app_user")"; }
wish_gthread() { [ -z "$gthread" ] || printf '[Service]\nExecStart=\nExecStart=%s\n' "$(wished_command "$1")"; }
wish_harden() { [ -z "$harden" ] || { printf '[Service]\n'; sed -n '/^UMask=/,$p' "$here/systemd/app-server-blue.service"; }; }
