# Sourced by new-site: what a site consists of beside EdgeProxy itself. Each part is made where it is not there, and taken away again on the way back.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

readonly BASE=/srv/app # as in deploy/systemd and deploy.conf.example
readonly ENVIRONMENT=/etc/app/app.env

# as_account USER COMMAND...: git asks nobody, and takes a server's key when it sees it first.
as_account() {
  local user=$1
  shift
  timeout --foreground 600 setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --reset-env env --chdir=/ GIT_TERMINAL_PROMPT=0 \
    GIT_SSH_COMMAND='ssh -o BatchMode=yes -o StrictHostKeyChecking=accept-new' "$@" < /dev/null
}

# undo_new PATH...: those that are not there yet go on the way back.
undo_new() {
  local path
  for path in "$@"; do
    [ -e "$path" ] || undo remove_tree "$path"
  done
}

# make_new DIRECTORY MODE OWNER GROUP
make_new() {
  [ ! -d "$1" ] || return 0
  undo_new "$1"
  change "make $1" install -d -m "$2" -o "$3" -g "$4" "$1"
}

# shared ROOT: where a static root is that the options name: absolute, or for a path in the tree what the links of all trees lead to.
shared() { if [[ $1 = /* ]]; then say "$1"; else say "$BASE/shared/$1"; fi; }

# compose_site acme|local: the settings, with certificates of an authority or of EdgeProxy's own.
compose_site() {
  local tls='{ "Internal": true }'
  [ "$1" != acme ] || tls="{ \"Acme\": { \"Domains\": [\"$host\"],${email:+ \"Email\": \"$email\",} \"AcceptTermsOfService\": true } }"
  cat > "$work/appsettings.json" << END
{
  "AllowedHosts": "$host",
  "EdgeProxy": {
    "Slots": {
      "Blue": { "Address": "http://127.0.0.1:8000", "Unit": "app-server-blue.service" },
      "Green": { "Address": "http://127.0.0.1:8100", "Unit": "app-server-green.service" }
    },
    "Health": { "Path": "$health", "Host": "$host" },
    "Upstream": { "MaxConcurrent": $((workers * 4)), "ServerKeepAlive": "00:01:15" },
    "StaticFiles": [
      { "Path": "/static", "Root": "$(shared "$static_root")" },
      { "Path": "/media", "Root": "$(shared "$media_root")", "UserContent": true }
    ],
    "Tls": $tls
  }
}
END
}

preflight_new() {
  step "Whether it can be done"
  proxy_has_ports || check_free_ports
  if [ "$settings" = "$SETTINGS" ] && ! hosts | grep -qxF "$host"; then
    in_the_way "$SETTINGS is there, and has another site ($(hosts | paste -sd ' ')): docs/apps.md adds a second app to it, docs/sites.md a second site"
  fi
  check_name
  check_environment
  check_base
  check_repository
  check_roots
  [ ${#problems[@]} -eq 0 ] || refuse "it cannot be done as things are; nothing was changed:$(printf '\n  %s' "${problems[@]}")"
  say "  nothing is in the way"
}

check_free_ports() {
  local who slot hint
  ! is_active edgeproxy.service || in_the_way "edgeproxy.service runs already, elsewhere than on ports 80 and 443: systemctl stop edgeproxy"
  while read -r who; do
    hint="systemctl list-units --type service"
    [[ $who != caddy && $who != nginx ]] || hint="$here/setup_bluegreen.sh takes its site over; where it has none yet: sudo systemctl disable --now $who"
    in_the_way "port 80 or 443 is $who's: $hint"
  done < <(listeners)
  for slot in blue green; do
    is_active "$(unit_of $slot)" || [ -z "$(ss --no-header --listening --tcp --numeric "( sport = :$(port_of_address $slot) )")" ] \
      || in_the_way "port $(port_of_address $slot), which $slot needs, is taken: ss -ltnp '( sport = :$(port_of_address $slot) )'"
  done
}

# check_name: an authority looks for it in DNS.
check_name() {
  [ -z "$internal" ] && ! has_own "$host" || return 0
  [ -n "$(getent ahosts "$host")" ] || in_the_way "$host has no address in DNS, so no authority can issue a certificate for it; without one: --internal"
}

# check_base: who owns the code makes it there.
check_base() {
  local create=''
  [ -d "$BASE" ] || return 0
  if getent passwd "$deployer" > /dev/null; then
    ! as_account "$deployer" test -w "$BASE" || return 0
  else
    create="sudo useradd --create-home --shell /bin/bash $deployer && "
  fi
  in_the_way "$BASE is there, and $deployer cannot write it: ${create}sudo chown $deployer: $BASE"
}

# check_environment: what is there stays, so it has to be this site's.
check_environment() {
  local other
  other=$(sed -nE 's/^DJANGO_SETTINGS_MODULE=["'\'']?([^"'\'']*).*/\1/p' "$ENVIRONMENT" 2> /dev/null) || true
  [ -z "$other" ] || [ "$other" = "$module" ] || in_the_way "$ENVIRONMENT has DJANGO_SETTINGS_MODULE=$other, not $module"
}

# check_repository: cloned for a look, by the user that will clone it, or by nobody where that user is still to be made. Nobody else runs git in it, root
# least of all: what its owner writes into its configuration can be commands.
check_repository() {
  local who=nobody clone prefix=${app_dir:+$app_dir/} file url projects
  if [ -e "$BASE/repository.git" ]; then
    url=$(git config --file "$BASE/repository.git/config" remote.origin.url) || url='nowhere'
    [ "$url" = "$repository" ] || in_the_way "$BASE/repository.git is a clone of $url, not of $repository"
    return
  fi
  ! getent passwd "$deployer" > /dev/null || who=$deployer
  clone=$(mktemp -d /tmp/edgeproxy-setup.XXXXXX) # beside what this run makes up, which has secrets
  chown "$who" "$clone"
  check_commit
  rm -rf "$clone"
}

# check_commit: of the clone that check_repository has a place for.
check_commit() {
  if ! as_account "$who" git clone --quiet --bare --depth 1 --single-branch --branch "$branch" -- "$repository" "$clone/git" > "$work/clone" 2>&1; then
    ! grep -q 'Remote branch .* not found' "$work/clone" || { name_branches; return; }
    in_the_way "$branch of $repository cannot be cloned by $who: $(grep -v '^warning: --depth' "$work/clone" | head -n 2 | paste -sd ' ')"
    [[ ! $repository =~ ^(ssh://|[^/]*@) ]] || in_the_way "the repository wants a key of $deployer: $(key_of_deployer)," \
      "and add the key that it shows to the repository, as one that may read"
    return
  fi
  if ! in_commit "${prefix}manage.py"; then
    mapfile -t projects < <(commit_files | sed -nE 's#^((.*)/)?manage\.py$#--app-dir \2#p' | sed 's/ $/ ./')
    case ${#projects[@]} in
      0) in_the_way "$branch has no manage.py anywhere, so it is no Django project: --branch NAME, or another --repository" ;;
      1)
        again+=" --app-dir $(printf %q "${projects[0]#--app-dir }")"
        in_the_way "$branch has no ${prefix}manage.py; the project is in another directory of it: ${projects[0]}"
        ;;
      *) in_the_way "$branch has no ${prefix}manage.py; which of these projects is it: ${projects[*]}" ;;
    esac
    return # all else is relative to it
  fi
  has_module "$module" || in_the_way "$branch has no settings module $module; it has: $(modules settings)"
  has_module "$wsgi" || in_the_way "$branch has no module $wsgi, which gunicorn would run; it has: $(modules wsgi) (--wsgi MODULE)"
  while IFS= read -r file; do
    in_commit "$file" || in_the_way "$branch has no $file: --requirements FILE"
  done < <(tr : '\n' <<< "$requirements")
}

# name_branches: those that are there; the only one is proposed.
name_branches() {
  local branches
  mapfile -t branches < <(as_account "$who" git ls-remote --heads -- "$repository" 2> /dev/null | sed 's|.*\trefs/heads/||' | head -n 20)
  [ ${#branches[@]} -ne 1 ] || again+=" --branch $(printf %q "${branches[0]}")"
  in_the_way "$repository has no branch or tag $branch; its branches: ${branches[*]:-none} (--branch NAME)"
}

# key_of_deployer: what makes one, as a line to paste.
key_of_deployer() {
  getent passwd "$deployer" > /dev/null || printf 'sudo useradd --create-home --shell /bin/bash %s && ' "$deployer"
  printf "sudo -iu %s sh -c 'ssh-keygen -q -t ed25519 -N \"\" -f ~/.ssh/id_ed25519; cat ~/.ssh/id_ed25519.pub'" "$deployer"
}

git_look() { as_account "$who" git --git-dir="$clone/git" "$@" 2> /dev/null; }
in_commit() { git_look cat-file -e "HEAD:$1"; }
commit_files() { git_look ls-tree -r --name-only HEAD; }

has_module() {
  local path=${app_dir:+$app_dir/}${1//.//}
  in_commit "$path.py" || in_commit "$path/__init__.py"
}

# modules WORD: those of that name, and what is in packages of that name.
modules() {
  local found
  found=$(commit_files | sed -n "s|^${app_dir:+$app_dir/}||p" | grep -E "(^|/)$1(\.py|/[^/]+\.py)\$" | sed 's|\(/__init__\)\?\.py$||; s|/|.|g' | paste -sd ' ')
  say "${found:-none}"
}

check_roots() {
  local root first
  for root in "$(shared "$static_root")" "$(shared "$media_root")"; do
    [ -d "$root" ] || continue
    first=$(unreadable "$root")
    [ -z "$first" ] || in_the_way "$root: EdgeProxy's user cannot read $first: sudo setfacl -R -m u:edgeproxy:rX,d:u:edgeproxy:rX $root"
  done
}

install_edgeproxy() {
  step "EdgeProxy"
  undo reload_units # the last thing on the way back
  if has_package; then
    say "  the package has its files in place"
    state_goes_back
  else
    install_files
  fi
}

# make_users: one owns the code, one runs it. Neither is root, nor the other.
make_users() {
  step "Users"
  if ! getent passwd app > /dev/null; then
    undo remove_user app
    change "add app, which runs the project" useradd --system --user-group --no-create-home --home-dir "$BASE" --shell /usr/sbin/nologin app
  fi
  if ! getent passwd "$deployer" > /dev/null; then
    undo remove_user "$deployer"
    undo_new "/home/$deployer"
    change "add $deployer, which owns the code" useradd --create-home --user-group --home-dir "/home/$deployer" --shell /bin/bash "$deployer"
  fi
  if getent passwd "$deployer" > /dev/null; then add_deployer; else say "  let $deployer use \`edgeproxy switch\`"; fi
}

# make_directories: data is for a database in a file. What the app writes is of EdgeProxy's group, also what will come there, whatever the umask takes from
# others.
make_directories() {
  local group
  step "The code, and what all versions share"
  group=$(id -gn "$deployer" 2> /dev/null) || group=$deployer
  make_new "$BASE" 0755 "$deployer" "$group"
  make_new "$BASE/venvs" 0755 "$deployer" "$group"
  make_new "$BASE/shared" 0755 "$deployer" "$group"
  make_new "$BASE/data" 0750 app app
  make_new "$(shared "$static_root")" 2750 app edgeproxy
  make_new "$(shared "$media_root")" 2750 app edgeproxy
  if [ ! -e "$BASE/repository.git" ]; then
    undo_new "$BASE/repository.git"
    change "clone $repository, as $deployer" as_account "$deployer" git clone --quiet --bare -- "$repository" "$BASE/repository.git"
  fi
}

# write_environment: the variables that are not there yet. A secret that is there stays; none is shown.
write_environment() {
  local name told=() value
  local -A values=([DJANGO_SETTINGS_MODULE]=$module [ALLOWED_HOSTS]=$host [STATIC_ROOT]=$(shared "$static_root") [MEDIA_ROOT]=$(shared "$media_root"))
  step "The app's environment"
  values[SECRET_KEY]=$(openssl rand -hex 32)
  : > "$work/environment"
  if [ -e "$ENVIRONMENT" ]; then
    awk 1 "$ENVIRONMENT" > "$work/environment" # the last line with its end
  else
    printf '# Of both slots: KEY="VALUE" (systemd.exec(5), EnvironmentFile=). A change acts with the next deploy.\n' > "$work/environment"
  fi
  for name in SECRET_KEY DJANGO_SETTINGS_MODULE ALLOWED_HOSTS STATIC_ROOT MEDIA_ROOT; do
    ! grep -q "^$name=" "$work/environment" || continue
    printf '%s="%s"\n' "$name" "${values[$name]}" >> "$work/environment"
    told+=("$name")
  done
  if [ ${#told[@]} -eq 0 ]; then
    say "  $ENVIRONMENT has all, and stays"
    return
  fi
  say "  ${told[*]}"
  put "$ENVIRONMENT" 0640 root:app < "$work/environment"
}

write_units() {
  local slot unit
  step "The app's units"
  for slot in blue green; do
    unit=$(unit_of "$slot")
    exists "$unit" || app_unit "$slot" | draft "/etc/systemd/system/$unit" 0644
  done
  [ -n "$dry" ] || systemctl daemon-reload
}

# app_unit SLOT: as they are shipped, for this project. EdgeProxy starts the active slot before there is a version; that is no failure.
app_unit() {
  local program=$BASE/$1/.venv/bin/gunicorn
  sed -e "s|^WorkingDirectory=.*|WorkingDirectory=$BASE/$1${app_dir:+/$app_dir}|" \
    -e "s|--workers [0-9]*|--workers $workers|" -e "s| app\.wsgi\$| $wsgi|" \
    -e "/^StartLimitIntervalSec=/a # Before the first deploy to this slot there is nothing to start.\\nConditionPathExists=$program" \
    "$here/systemd/app-server-$1.service"
}

write_deploy_conf() {
  local paths=() root
  step "Deploys"
  if [ -e "$DEPLOY_CONF" ]; then
    say "  $DEPLOY_CONF is there, and stays"
    return
  fi
  for root in "$static_root" "$media_root"; do
    [[ $root = /* ]] || paths+=("$root")
  done
  {
    printf '# How restart_app.sh deploys this site, as new-site has set it up. deploy.conf.example beside that script has all that can be said here.\n'
    printf 'REPOSITORY=%s\n' "$BASE/repository.git"
    [ -z "$app_dir" ] || printf 'APP_DIR=%s\n' "$app_dir"
    printf 'REQUIREMENTS=%s\n' "$requirements"
    [ ${#paths[@]} -eq 0 ] || printf 'SHARED_PATHS=%s\n' "$(IFS=:; printf '%s' "${paths[*]}")"
  } | draft "$DEPLOY_CONF" 0644
}

write_settings() {
  step "The settings of EdgeProxy"
  [ "$settings" = "$SETTINGS" ] || draft "$SETTINGS" 0640 root:edgeproxy < "$settings"
  install_polkit_rule
  [ -n "$dry" ] || chgrp edgeproxy /etc/edgeproxy
}

# is_deployed: a version lies in the slot that has traffic.
is_deployed() {
  local active
  active=$("$binary" status 2> /dev/null | sed -nE 's/.*traffic is on (blue|green).*/\1/p' | head -n 1)
  [ -n "$active" ] && [ -e "$BASE/$active/.git" ]
}

# suggest_options: restart_app.sh has told that the settings have their roots inside the tree of one slot, or the app has no such health path.
suggest_options() {
  local kind path
  for kind in static media; do
    path=$(sed -nE "s#.*${kind^^}_ROOT: $BASE/(blue|green)/##p" "$work/deploy" | head -n 1)
    [ -z "$path" ] || again+=" --$kind-root $(printf %q "$path")"
  done
  ! grep -q 'is Health:Path right?' "$work/deploy" || again+=' --health-path /PATH'
}
