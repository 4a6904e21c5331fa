# Sourced by setup_bluegreen.sh and uninstall.sh: changes that say what they do, and the way back from them.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use
#
# Each change is told to the journal before it is made, as the command that takes it back. A run that fails, or that was killed, is undone from
# there, last change first. What stood there before the first run of all is kept as well, for uninstall.sh. All of it is root's alone.

export LC_ALL=C # numbers and messages as they are read here: bash writes the time with the decimal comma of the locale

readonly BACKUP=/etc/edgeproxy/setup
readonly JOURNAL=$BACKUP/undo         # of the running run: a command a line
readonly TOUCHED=$BACKUP/touched      # by all runs: a file a line
readonly ORIGINALS=$BACKUP/originals  # those of them that were there before
readonly DEPLOY_CONF_WRITTEN=$BACKUP/deploy.conf.sha256 # as setup_bluegreen.sh wrote it, if it did

dry='' # --dry-run: changes are told, not made
work='' # a directory for what this run makes up
changed='' # put has written a file

say() { printf '%s\n' "$*"; }
step() { printf '\n%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
quoted() { printf '%q ' "$@"; printf '\n'; }

# usage_error WHAT: nothing has been changed.
usage_error() {
  printf '%s: %s\n' "$program" "$*" >&2
  exit 2
}

# fail WHAT: whatever was changed goes back, in on_exit.
fail() {
  printf '%s: %s\n' "$program" "$*" >&2
  exit 1
}

# change WHAT COMMAND...: tells it and does it; with --dry-run tells it only.
change() {
  say "  $1"
  shift
  if [ -n "$dry" ]; then
    printf '      %s\n' "$(quoted "$@")"
  else
    "$@"
  fi
}

# undo COMMAND...: what takes the next change back.
undo() {
  [ -n "$dry" ] || quoted "$@" >> "$JOURNAL"
}

# keep FILE: as it is now, for both ways back. To be called before the file is changed.
keep() {
  local file=$1 copy
  [ -z "$dry" ] || return 0
  copy=$BACKUP/run$file
  if [ -e "$file" ]; then
    mkdir -p "$(dirname "$copy")"
    cp -a "$file" "$copy"
    undo cp -a "$copy" "$file"
  else
    undo rm -f "$file"
  fi
  grep -qsxF "$file" "$TOUCHED" && return 0
  if [ -e "$file" ]; then
    mkdir -p "$(dirname "$ORIGINALS$file")"
    cp -a "$file" "$ORIGINALS$file"
  fi
  undo forget "$file"
  printf '%s\n' "$file" >> "$TOUCHED"
}

# forget FILE: this run was the first that touched it, and has taken that back.
forget() {
  grep -vxF "$1" "$TOUCHED" > "$TOUCHED.new" || true
  mv -f "$TOUCHED.new" "$TOUCHED"
  rm -f "$ORIGINALS$1"
}

# put FILE MODE [OWNER:GROUP] < CONTENT: writes it, unless it is so already.
put() {
  local file=$1 mode=$2 owner=${3:-root:root} content=$work/content
  cat > "$content"
  ! cmp -s "$content" "$file" || return 0
  say "  write $file"
  changed=1
  [ -z "$dry" ] || return 0
  make_directory "$(dirname "$file")"
  keep "$file"
  install -m "$mode" "$content" "$file.new"
  chown "$owner" "$file.new"
  mv -f "$file.new" "$file"
}

# make_directory DIRECTORY: and take it away again on the way back, when nothing else is in it.
make_directory() {
  [ ! -d "$1" ] || return 0
  undo rmdir --ignore-fail-on-non-empty "$1"
  mkdir -p "$1"
}

# draft FILE MODE [OWNER:GROUP] < CONTENT: the same for what was made up here; with --dry-run it is shown.
draft() {
  cat > "$work/draft"
  put "$@" < "$work/draft"
  # Not the values of variables: what --dry-run says is shown to others.
  [ -z "$dry" ] || sed -E 's/^(Environment=["'\'']?[A-Za-z0-9_]+=).*/\1.../; s/^/      | /' "$work/draft"
}

# begin: one run at a time; one that was killed is undone first.
begin() {
  work=$(mktemp -d)
  trap on_exit EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  exec 9> /run/lock/edgeproxy-setup
  flock --nonblock 9 || usage_error "another run of setup_bluegreen.sh or uninstall.sh goes on"
  if [ -s "$JOURNAL" ]; then
    [ -z "$dry" ] || usage_error "an earlier run was killed; its changes are undone by the next run without --dry-run"
    say "An earlier run was killed; first its changes are undone."
    go_back
  fi
}

# may_change: from here on there is a way back.
may_change() {
  [ -z "$dry" ] || return 0
  install -d -m 0750 "$(dirname "$BACKUP")"
  install -d -m 0700 "$BACKUP" "$ORIGINALS"
  : > "$JOURNAL"
}

# commit: there is nothing to go back to any more.
commit() {
  [ -n "$dry" ] || rm -rf "$JOURNAL" "$BACKUP/run"
}

go_back() {
  local command
  while read -r command; do
    eval "$command" < /dev/null || warn "this could not be undone: $command"
  done < <(tac "$JOURNAL")
  commit
  # Made by may_change, if at all.
  [ -s "$TOUCHED" ] || rm -rf "$BACKUP"
  rmdir --ignore-fail-on-non-empty "$(dirname "$BACKUP")" 2> /dev/null || true
}

on_exit() {
  local status=$?
  # The terminal may be gone; the way back is not.
  trap '' HUP INT TERM PIPE
  set +e
  if [ "$status" -ne 0 ] && [ -z "$dry" ] && [ -e "$JOURNAL" ]; then
    step "Going back to what was"
    before_going_back
    go_back
    after_going_back
  fi
  rm -rf "$work"
  exit "$status"
}
