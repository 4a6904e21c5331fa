# Sourced by setup_bluegreen.sh: how restart_app.sh is to deploy this site, as far as its units and their checkout say it.
# shellcheck shell=bash disable=SC2034,SC2154 # what its callers set or use

readonly DEPLOY_CONF=/etc/edgeproxy/deploy.conf

# install_deploy_conf: where there is none yet. User, environment and the trees themselves restart_app.sh reads from the units at each deploy.
install_deploy_conf() {
  local text not_new=$changed
  step "Deploys"
  if [ -e "$DEPLOY_CONF" ]; then
    say "  $DEPLOY_CONF is there, and stays"
  elif text=$(deploy_conf); then
    draft "$DEPLOY_CONF" 0644 <<< "$text"
    changed=$not_new # nothing that EdgeProxy reads
    [ -n "$dry" ] || sha256sum "$DEPLOY_CONF" > "$DEPLOY_CONF_WRITTEN"
  else
    say "  $DEPLOY_CONF is not written: $text. Before restart_app.sh can deploy it is yours to write; $here/deploy.conf.example says how"
  fi
}

# deploy_conf: its text; else exit 1, and why it cannot be told.
deploy_conf() {
  local unit directory tree application interpreter trees=() applications=() repositories=() interpreters=()
  for unit in $(app_units); do
    directory=$(property "$unit" WorkingDirectory)
    directory=${directory#!}
    tree=$(checkout_of "$directory") || { say "$unit runs in ${directory:-no directory of its own}, which is in no git checkout"; return 1; }
    [ -e "$directory/manage.py" ] || { say "$unit runs in $directory, where there is no manage.py"; return 1; }
    interpreter=$(interpreter_of "$unit") || { say "which Python runs $unit is not to be seen from its ExecStart"; return 1; }
    application=${directory#"$tree"}
    trees+=("$tree") applications+=("${application#/}") repositories+=("$(repository_of "$tree")") interpreters+=("$interpreter")
  done
  all_same "${repositories[@]}" || { say "${trees[*]} are clones of their own, not worktrees of one repository"; return 1; }
  all_same "${applications[@]}" || { say "the two units run in another directory of their checkouts each"; return 1; }
  all_same "${interpreters[@]}" || { say "the two units run with a Python each: ${interpreters[*]}"; return 1; }
  say "# How restart_app.sh deploys this site, as setup_bluegreen.sh has found it. deploy.conf.example beside that script has all that can be said here."
  [ -z "${applications[0]}" ] || printf '\n# Where in the checkout the units run.\nAPP_DIR=%s\n' "${applications[0]}"
  all_same "${trees[@]}" || printf '\n# What both trees are worktrees of.\nREPOSITORY=%s\n' "${repositories[0]}"
  tell_remote "${repositories[0]}"
  cat << END

# The environment that the units run in. A deploy installs nothing there: what a version needs must be there before it.
PYTHON=${interpreters[0]}
REQUIREMENTS=
END
}

all_same() { [ "$(printf '%s\n' "$@" | sort -u | wc -l)" = 1 ]; }

# checkout_of DIRECTORY: the top of the git checkout that holds it.
checkout_of() {
  local directory=${1%/}
  until [ -z "$directory" ] || [ -e "$directory/.git" ]; do
    directory=${directory%/*}
  done
  [ -n "$directory" ] && say "$directory"
}

# repository_of CHECKOUT: where its commits are. Of a worktree .git is a file that tells it (gitrepository-layout(5)).
repository_of() {
  local from
  from=$(sed -n 's/^gitdir: \(\/.*\)\/worktrees\/[^\/]*$/\1/p' "$1/.git" 2> /dev/null) || true
  say "${from:-$1/.git}"
}

# tell_remote REPOSITORY: where it has one, under another name than git's own.
tell_remote() {
  local remotes
  # Its file, not git's view of it: root may not ask in what another user owns.
  mapfile -t remotes < <(git config --file "$1/config" --name-only --get-regexp '^remote\..*\.url$' 2> /dev/null | sed 's/^remote\.//; s/\.url$//')
  if [ ${#remotes[@]} -ne 1 ] || [ "${remotes[0]}" = origin ]; then
    return 0
  fi
  printf '\nREMOTE=%s\n' "${remotes[0]}"
}

# interpreter_of UNIT: that of its process; where it does not run by its ExecStart, by the first line of the script that this names, or beside it (pip writes no
# first line that is too long for the kernel).
interpreter_of() {
  local program candidate
  program=$(command_of "$1" | head -n 1)
  while read -r candidate; do
    if [[ ${candidate##*/} == python* ]] && [ -x "$candidate" ]; then
      say "$candidate"
      return
    fi
  done < <(
    pythons_of "$(property "$1" MainPID)"
    printf '%s\n' "$program" "$(sed -n '1s/^#! *\([^ ]*\).*/\1/p;q' "$program" 2> /dev/null)" "$(dirname "$program")/python"
  )
  return 1
}

# pythons_of PID: of the environment that it was started in (`activate`, `poetry run` and `uv run` set it), and as it was called.
pythons_of() {
  local process=/proc/$1
  [ "$1" != 0 ] && [ -d "$process" ] || return 0
  tr '\0' '\n' 2> /dev/null < "$process/environ" | sed -n 's/^VIRTUAL_ENV=\(.*\)/\1\/bin\/python/p'
  tr '\0' '\n' 2> /dev/null < "$process/cmdline" | sed -n '1p'
  # The program that it starts: under `poetry run`, `uv run` or a shell.
  tr ' ' '\n' 2> /dev/null < "$process/task/$1/children" | head -n 1 | while read -r child; do
    [ -z "$child" ] || pythons_of "$child"
  done
}
