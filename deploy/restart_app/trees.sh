# shellcheck shell=bash disable=SC2034,SC2153 # variables are shared with the files beside this one
# Which commit lies where. Git runs as the owner of the repository: root must not run the hooks and filters that somebody else can write.

readonly UNFINISHED=/var/lib/edgeproxy-deploy
COMMIT='' BEFORE='' TOUCHED=''
declare -A TREE_OF

# TREE (the idle slot's) and SHARED_TREE (the one of both, where both units run from one), the repository and its owner.
locate_trees() {
  local slot suffix=
  [ "${SETTING[APP_DIR]}" = . ] || suffix=/${SETTING[APP_DIR]%/}
  for slot in blue green; do
    TREE_OF[$slot]=${WORK_DIR[$slot]%/}
    [[ ${TREE_OF[$slot]} = *"$suffix" ]] || die "$USAGE" "${UNIT[$slot]} runs in ${WORK_DIR[$slot]}, which does not end with APP_DIR=${SETTING[APP_DIR]}"
    TREE_OF[$slot]=${TREE_OF[$slot]%"$suffix"}
  done
  TREE=${TREE_OF[$IDLE]} SHARED_TREE=
  if [ "${TREE_OF[blue]}" -ef "${TREE_OF[green]}" ] || [ "${TREE_OF[blue]}" = "${TREE_OF[green]}" ]; then
    SHARED_TREE=$TREE
    SETTING[REPOSITORY]=$TREE
  fi
  [ -e "${SETTING[REPOSITORY]}" ] ||
    die "$USAGE" "REPOSITORY='${SETTING[REPOSITORY]}' is not there: git clone --bare URL '${SETTING[REPOSITORY]}', or name another in deploy.conf"
  OWNER=$(stat -Lc %U "${SETTING[REPOSITORY]}")
  AS_OWNER=(nice -n 10 setpriv --reuid="$OWNER" --regid="$(id -g "$OWNER")" --init-groups --reset-env env GIT_TERMINAL_PROMPT=0)
  git_in "${SETTING[REPOSITORY]}" rev-parse --git-dir > /dev/null || die "$USAGE" "REPOSITORY='${SETTING[REPOSITORY]}' is not a git repository"
}

# Automatic maintenance would go on in the background, with the lock.
git_in() { # TREE COMMAND...
  "${AS_OWNER[@]}" git -C "$1" -c gc.auto=0 -c maintenance.auto=false -c advice.detachedHead=false "${@:2}"
}

head_of() { git_in "$1" rev-parse --verify --quiet 'HEAD^{commit}' 2> /dev/null || true; }
short() { git_in "${SETTING[REPOSITORY]}" rev-parse --short "$1"; }
titled() { git_in "${SETTING[REPOSITORY]}" log -1 --no-show-signature --format='%h "%s"' "$1"; }

# COMMIT: the branch of the remote, else the tag, else the commit.
fetch_commit() {
  local remote=${SETTING[REMOTE]} repository=${SETTING[REPOSITORY]} ref branches
  demand_name
  say "fetching from $remote"
  timeout --foreground "${SETTING[FETCH_TIMEOUT]}" "${AS_OWNER[@]}" git -C "$repository" -c gc.auto=0 -c maintenance.auto=false \
    fetch --quiet --force --tags --prune "$remote" "+refs/heads/*:refs/remotes/$remote/*" \
    || die "$FAILED" "nothing could be fetched from $remote ($(git_in "$repository" remote get-url "$remote" 2> /dev/null || echo 'no such remote'))"
  for ref in "refs/remotes/$remote/$WANTED" "refs/tags/$WANTED" "$WANTED"; do
    [ "$ref" != "$WANTED" ] || [[ $WANTED =~ ^[0-9a-f]{7,64}$ ]] || break
    COMMIT=$(git_in "$repository" rev-parse --verify --quiet "$ref^{commit}") && break
  done
  if [ -z "$COMMIT" ]; then
    branches=$(git_in "$repository" for-each-ref --count=20 --format='%(refname:lstrip=3)' "refs/remotes/$remote" | tr '\n' ' ') || true
    die "$USAGE" "$remote has no branch, tag or commit '$WANTED'; its branches: $branches"
  fi
  say "$WANTED is $(titled "$COMMIT")"
  [ "$COMMIT" != "$(head_of "${TREE_OF[$ACTIVE]}")" ] || warn "$ACTIVE runs this commit already; afterwards there is no other one to go back to"
}

demand_name() {
  git check-ref-format "refs/heads/$WANTED" || die "$USAGE" "'$WANTED' cannot be the name of a branch, a tag or a commit"
}

# Puts the commit into the idle slot's tree. What was there is noted first, on disk: a deploy that is killed leaves the next one to know it.
check_out() { # COMMIT
  if [ -n "$SHARED_TREE" ]; then
    warn "both slots run from $TREE: $ACTIVE reads templates and modules that it has not loaded yet from the new version; a tree for each slot avoids that"
  fi
  read_unfinished
  if [ -d "$TREE" ] && [ -n "$(ls -A "$TREE")" ]; then
    demand_own_tree
    if [ -z "$LEFT_BEHIND" ]; then
      demand_clean
      BEFORE=$(head_of "$TREE")
    fi
  fi
  write_unfinished
  TOUCHED=yes
  [ -z "$FLEET" ] || [ "$ACTION" != deploy ] || note_staged unfinished
  if [ -z "$BEFORE" ]; then
    say "making $TREE"
    git_in "${SETTING[REPOSITORY]}" worktree prune
    git_in "${SETTING[REPOSITORY]}" worktree add --quiet --force --force --detach "$TREE" "$1"
  else
    say "checking $(short "$1") out in $TREE"
    switch_tree "$1"
  fi
}

switch_tree() { # COMMIT
  local lock
  lock=$(git_in "$TREE" rev-parse --path-format=absolute --git-path index.lock)
  [ -z "$LEFT_BEHIND" ] || rm -f "$lock" # of a git that was killed: no deploy runs beside this one
  git_in "$TREE" checkout --quiet --detach ${LEFT_BEHIND:+--force} ${DISCARD:+--force} "$1"
}

# LEFT_BEHIND: a deploy was killed while it changed this tree. Then BEFORE is what it had found there.
read_unfinished() {
  LEFT_BEHIND=
  local target
  rm -f "$UNFINISHED/$ACTIVE" # that one came to its end: its slot serves
  [ -e "$UNFINISHED/$IDLE" ] || return 0
  { read -r BEFORE && read -r target && read -r VENV_BEFORE; } < "$UNFINISHED/$IDLE"
  LEFT_BEHIND=yes
  if [ "$BEFORE" = none ]; then
    BEFORE=
    git_in "${SETTING[REPOSITORY]}" worktree remove --force --force "$TREE" 2> /dev/null || "${AS_OWNER[@]}" rm -rf -- "$TREE"
  fi
  say "a deploy of $(short "$target") to $IDLE was cut off; before it, ${BEFORE:-nothing} was there"
}

write_unfinished() {
  VENV_BEFORE=${VENV_BEFORE:-$(readlink "$TREE/.venv" || true)}
  mkdir -p "$UNFINISHED"
  printf '%s\n' "${BEFORE:-none}" "$COMMIT" "$VENV_BEFORE" > "$UNFINISHED/.$IDLE"
  sync "$UNFINISHED/.$IDLE"
  mv "$UNFINISHED/.$IDLE" "$UNFINISHED/$IDLE"
}

demand_own_tree() {
  local ours theirs
  ours=$(git_in "${SETTING[REPOSITORY]}" rev-parse --path-format=absolute --git-common-dir)
  theirs=$(git_in "$TREE" rev-parse --path-format=absolute --git-common-dir 2> /dev/null) || theirs=
  [ "$ours" -ef "${theirs:-/nowhere}" ] || die "$REFUSED" "$TREE is no worktree of ${SETTING[REPOSITORY]}: move it away, it will be made anew"
}

demand_clean() {
  local changes
  [ -z "$DISCARD" ] || return 0
  changes=$(git_in "$TREE" status --porcelain --untracked-files=no)
  [ -z "$changes" ] ||
    die "$REFUSED" "somebody has changed files in $TREE:" "$changes" "nothing was touched; commit or stash them, or overwrite them with --discard"
}

link_shared_paths() {
  [ -z "$SHARED_TREE" ] || return 0
  local path target
  while IFS= read -r path; do
    target=${SETTING[SHARED]}/$path
    [ -e "$target" ] || die "$USAGE" "SHARED_PATHS: $target is not there: make it, or move what the app has there to it"
    if [ -L "$TREE/$path" ] && [ "$(readlink "$TREE/$path")" = "$target" ]; then continue; fi
    if [ -e "$TREE/$path" ] || [ -L "$TREE/$path" ]; then
      die "$USAGE" \
        "SHARED_PATHS: $TREE/$path is there and is no link to $target; a shared path is not in the repository, and its content is in ${SETTING[SHARED]}"
    fi
    "${AS_OWNER[@]}" mkdir -p "$(dirname "$TREE/$path")"
    "${AS_OWNER[@]}" ln -s "$target" "$TREE/$path"
  done < <(paths_of SHARED_PATHS)
}

# Everything in the tree as before the deploy; also what was left by one that was killed.
put_tree_back() {
  [ -n "$TOUCHED" ] || return 0
  if [ -z "$BEFORE" ]; then
    say "$TREE is new and stays; nothing runs from it"
  else
    LEFT_BEHIND=yes # whatever state a failed checkout left
    if ! switch_tree "$BEFORE"; then
      warn "$TREE could not be put back to $(short "$BEFORE"); the next deploy does that"
      return 0
    fi
    [ -z "$VENV_BEFORE" ] || link_venv "$VENV_BEFORE"
    [ -z "$FLEET" ] || edgeproxy fleet stage "$(short "$BEFORE")" > /dev/null || warn "the fleet could not be told; until the next deploy this node votes no"
    say "$TREE is at $(short "$BEFORE") again"
  fi
  rm -f "$UNFINISHED/$IDLE"
}
