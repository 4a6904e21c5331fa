# Sourced by setup_bluegreen.sh, new-site and uninstall.sh: changes that say what they do, and the way back from them.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use
#
# Before each change the journal gets what takes it back: a line of undo_log.py, which has all kinds that there are. A run that fails, or that was killed, is
# undone from there, last change first: by itself, or by the next run of either script. Only the holder of the lock touches any of it. An entry may be done
# twice, as a way back may be cut off, too. What stood there before the first run of all is kept as well, for uninstall.sh. All of it is root's alone.
#
# EDGEPROXY_SETUP_DIES_AFTER=TEXT is for the tests: the run kills itself (SIGKILL) as soon as a change, or a line of the journal, has TEXT in its words.

# The machine's own tools and habits, and none of the shell that calls: sudo keeps much of it, su all. The system's python3 comes before a script of that name
# (pyenv's); messages are English, and numbers have a point; what is written can be read by the services that it is for, whatever the umask; and other users
# get to what is made for them in /tmp (libpam-tmpdir makes one that is root's alone).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin LC_ALL=C
unset TMPDIR CDPATH POSIXLY_CORRECT SYSTEMD_COLORS SYSTEMD_URLIFY
umask 022

readonly BACKUP=/etc/edgeproxy/setup
readonly JOURNAL=$BACKUP/undo.jsonl    # of the running run
readonly KEPT=$BACKUP/run/kept         # of the running run: files whose way back the journal has
readonly LEAVING=$BACKUP/leaving.jsonl # by uninstall.sh, once Caddy serves again: what is left to be done
readonly LOCK=/run/edgeproxy-setup.lock # /run/lock is everybody's
readonly TOUCHED=$BACKUP/touched      # by all runs: a file a line
readonly ORIGINALS=$BACKUP/originals  # those of them that were there before
readonly DEPLOY_CONF_WRITTEN=$BACKUP/deploy.conf.sha256 # as setup_bluegreen.sh wrote it, if it did

dry='' # --dry-run: changes are told, not made
work='' # a directory for what this run makes up
changed='' # put has written a file
again='' # the command of this run, to be pasted
entries=() # of a log
undone='' # an earlier run was killed, and its changes were taken back

say() { printf '%s\n' "$*"; }
step() { printf '\n%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
quoted() { printf '%q ' "$@"; printf '\n'; }

# remember_command WORD...: of this run, to be pasted, by a name that sudo finds.
remember_command() {
  local name=("$0")
  [[ $0 == */* ]] || name=("$here/$program")
  [ -x "${name[0]}" ] || name=(bash "${name[@]}")
  again=$(quoted sudo "${name[@]}" "$@")
  again=${again% }
}

# usage_error WHAT, refuse WHAT: nothing has been changed. The last line is what to run next, as all refusals end.
usage_error() { end_with 2 "$*"; }
refuse() { end_with 4 "$*"; }

end_with() { # EXIT_CODE WHAT
  printf '%s: %s\n' "$program" "$2" >&2
  printf '%s\n' "${again:-$0 --help}" >&2
  exit "$1"
}

# fail WHAT: whatever was changed goes back, in on_exit.
fail() {
  printf '%s: %s\n' "$program" "$*" >&2
  exit 1
}

# change WHAT COMMAND...: tells it and does it; with --dry-run tells it only.
change() {
  local what=$1
  say "  $what"
  shift
  if [ -n "$dry" ]; then
    printf '      %s\n' "$(quoted "$@")"
  else
    "$@"
    moment "$what" "$@"
  fi
}

undo_log() { python3 -I "$here/lib/undo_log.py" "$@"; }

# undo KIND ARGUMENT...: what takes the next change back. On disk before that change is made.
undo() {
  local entry
  [ -z "$dry" ] || return 0
  entry=$(undo_log entry "$@") || fail "the way back from the next step cannot be written down (why: above)"
  append "$JOURNAL" "$entry"
  moment "undo $*"
}

# append FILE LINE: the file is replaced as a whole, so that a full disk or a cut power leaves the old one or the new one, and no part of a line.
append() {
  if { { [ ! -e "$1" ] || cat "$1"; } && printf '%s\n' "$2"; } > "$1.new" && sync "$1.new" && mv -f "$1.new" "$1"; then
    return
  fi
  fail "$1 cannot be written ($(df --output=avail --block-size=M "$(dirname "$1")" | tail -n 1 | tr -dc 0-9) MB free there): df $(dirname "$1")"
}

moment() { [[ -z ${EDGEPROXY_SETUP_DIES_AFTER:-} || "$*" != *"$EDGEPROXY_SETUP_DIES_AFTER"* ]] || kill -KILL $$; }

# systemctl, without the lock: what it waits for may outlive a run that was killed, and would keep the next one off.
systemctl() { command systemctl "$@" 9>&-; }

# curl, without the .curlrc of root.
curl() { command curl --disable "$@"; }

# keep FILE: as it is now, for both ways back. To be called before the file is changed.
keep() {
  local file=$1 copy
  [ -z "$dry" ] || return 0
  copy=$BACKUP/run$file
  # Twice in a run: the first state counts.
  ! grep -qsxF "$file" "$KEPT" || return 0
  if [ -e "$file" ]; then
    mkdir -p "$(dirname "$copy")"
    cp -a "$file" "$copy"
    undo put_back "$copy" "$file"
  else
    undo remove "$file"
  fi
  mkdir -p "$BACKUP/run"
  printf '%s\n' "$file" >> "$KEPT"
  grep -qsxF "$file" "$TOUCHED" && return 0
  if [ -e "$file" ]; then
    mkdir -p "$(dirname "$ORIGINALS$file")"
    cp -a "$file" "$ORIGINALS$file"
  fi
  undo forget "$file"
  append "$TOUCHED" "$file"
}

# put_back COPY FILE: by a move, which needs no room; where that was done already there is no copy.
put_back() { [ ! -e "$1" ] || mv -f "$1" "$2"; }

rename() { [ ! -e "$1" ] || mv -f "$1" "$2"; }

remove_empty() { [ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty "$1"; }

# reset_failed UNIT...: of those that have failed; systemctl calls the others an error.
reset_failed() { systemctl reset-failed "$@" 2> /dev/null || true; }

# forget FILE: this run was the first that touched it, and has taken that back.
forget() {
  [ -e "$TOUCHED" ] || return 0
  grep -vxF "$1" "$TOUCHED" > "$TOUCHED.new" || [ $? -eq 1 ] || return 1
  mv -f "$TOUCHED.new" "$TOUCHED"
  rm -f "$ORIGINALS$1"
}

# take_away FILE: until the way back.
take_away() {
  [ -e "$1" ] || return 0
  keep "$1"
  change "remove $1" rm -f "$1"
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
  undo remove_empty "$1"
  mkdir -p "$1"
}

# draft FILE MODE [OWNER:GROUP] < CONTENT: the same for what was made up here; with --dry-run it is shown.
draft() {
  cat > "$work/draft"
  put "$@" < "$work/draft"
  # Not the values of variables: what --dry-run says is shown to others.
  [ -z "$dry" ] || sed -E 's/^(Environment=["'\'']?[A-Za-z0-9_]+=).*/\1.../; s/^/      | /' "$work/draft"
}

# begin: one run at a time; one that was killed is undone first, or brought to its end.
begin() {
  if ! command -v python3 > /dev/null; then
    again="sudo apt install python3 && $again"
    usage_error "the way back is written down with Python, which is missing here; nothing was changed"
  fi
  take_lock
  trap on_exit EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  rm -rf /tmp/edgeproxy-setup.??????
  work=$(mktemp -d /tmp/edgeproxy-setup.XXXXXX)
  if [ -s "$BACKUP/undo" ] || [ -s "$BACKUP/leaving" ]; then
    again="sudo cat $BACKUP/undo $BACKUP/leaving"
    usage_error "a run of an earlier version's script was killed; run that version's again, which undoes it, or do by hand what it has left in these files:"
  fi
  if [ -s "$JOURNAL" ]; then
    [ -z "$dry" ] || usage_error "an earlier run was killed; its changes are undone by the next run without --dry-run"
    say "An earlier run was killed; first its changes are undone."
    go_back || { trap - EXIT; usage_error "$JOURNAL could not be read (above), and nothing was changed; the version of this script that has written it can:"; }
    undone=1
    say "They are undone; ports 80 and 443 are served by $(who_serves)."
  elif [ -e "$LEAVING" ]; then
    [ -z "$dry" ] || usage_error "an uninstall was killed when Caddy served again; the next run without --dry-run does what is left of it"
    say "An uninstall was killed when Caddy served again; first what is left of it is done."
    read_log "$LEAVING" || usage_error "$LEAVING could not be read (above), and nothing was changed; the version of this script that has written it can:"
    "${entries[@]:1}"
  fi
}

# take_lock: nothing may be undone before. What a killed run had started may hold it a little longer.
take_lock() {
  local owner
  (umask 077 && : >> "$LOCK" && chmod 0600 "$LOCK") # who can read a file can lock it
  exec 9>> "$LOCK"
  until flock --nonblock 9; do
    owner=$(sed -n 's/.*, process //p' "$LOCK")
    if kill -0 "${owner:-$$}" 2> /dev/null || [ "$SECONDS" -ge 30 ]; then
      usage_error "another run goes on ($(tail -n 1 "$LOCK")), and nothing was changed by this one; when that has ended:"
    fi
    sleep 0.2
  done
  printf '%s, process %s\n' "$program" $$ > "$LOCK"
}

# may_change: from here on there is a way back.
may_change() {
  [ -z "$dry" ] || return 0
  install -d -m 0750 "$(dirname "$BACKUP")"
  install -d -m 0700 "$BACKUP" "$ORIGINALS"
  rm -rf "$BACKUP/run"
  : > "$JOURNAL"
}

# commit: there is nothing to go back to any more.
commit() {
  [ -n "$dry" ] || rm -rf "$JOURNAL" "$BACKUP/run"
}

# read_log FILE: its commands, into entries: how many words one has comes before it. By a pipe, as the disk may be full.
read_log() {
  mapfile -d '' -t entries < <(undo_log read "$1" && printf 'whole\0')
  [ ${#entries[@]} -gt 0 ] && [ "${entries[-1]}" = whole ] || return 1
  unset 'entries[-1]'
}

# go_back: by the journal, from its end. Exit code 1 where that cannot be read: nothing is done then, and it stays.
go_back() {
  local at command
  read_log "$JOURNAL" || return 1
  for ((at = 0; at < ${#entries[@]}; at += entries[at] + 1)); do
    command=("${entries[@]:at + 1:entries[at]}")
    "${command[@]}" < /dev/null || warn "this could not be undone: $(quoted "${command[@]}")"
  done
  commit
  # Made by may_change, if at all.
  [ -s "$TOUCHED" ] || rm -rf "$BACKUP"
  has_package || rmdir --ignore-fail-on-non-empty "$(dirname "$BACKUP")" 2> /dev/null || true # the package's own stays
}

who_serves() {
  local who
  who=$(listeners | paste -sd ' ')
  [ -n "$who" ] || ! exists "${front:-edgeproxy}.service" || who="nobody: systemctl start ${front:-edgeproxy}"
  printf '%s' "${who:-nobody}"
}

on_exit() {
  local status=$?
  # The terminal may be gone; the way back is not.
  trap '' HUP INT TERM PIPE
  set +e
  if [ "$status" -ne 0 ] && [ -z "$dry" ] && [ -e "$JOURNAL" ]; then
    step "Going back to what was"
    before_going_back
    if go_back; then after_going_back; else warn "$JOURNAL could not be read (above): what this run has changed stays; $again"; fi
  elif [ "$status" -gt 2 ] && [ -z "$dry" ] && [ -e "$LEAVING" ]; then
    say "This was interrupted when $(who_serves) served again; the next run does what is left:"
    say "$again"
  fi
  end_try
  rm -rf /tmp/edgeproxy-setup.??????
  exit "$status"
}
