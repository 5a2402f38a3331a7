#!/usr/bin/env bash
# Copy the compose files and the roll-out to the host, and run it there: scripts/deploy/over_ssh.sh IMAGE@sha256:...
# Wants DEPLOY_HOST, DEPLOY_USER, DEPLOY_DIRECTORY, DEPLOY_KNOWN_HOSTS and DEPLOY_SSH_KEY.
set -euo pipefail

image=${1:?the image, by digest}
for name in DEPLOY_HOST DEPLOY_USER DEPLOY_DIRECTORY DEPLOY_KNOWN_HOSTS DEPLOY_SSH_KEY; do
  [[ -n ${!name:-} ]] || { echo "error: $name is not set. Set it in the environment \`production\`." >&2; exit 1; }
done

private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
(umask 077 && printf '%s\n' "$DEPLOY_SSH_KEY" > "$private/key" && printf '%s\n' "$DEPLOY_KNOWN_HOSTS" > "$private/hosts")
options=(-i "$private/key" -o "UserKnownHostsFile=$private/hosts" -o StrictHostKeyChecking=yes -o BatchMode=yes)

# shellcheck disable=SC2029 # what is expanded here is meant to be, and is quoted for the host's shell
on_host() { ssh "${options[@]}" "$DEPLOY_USER@$DEPLOY_HOST" "$1"; }

files=(docker-compose-dagster.base.yml docker-compose-dagster.prod.yml scripts/deploy/roll_out.sh scripts/deploy/smoke_test.py)
tar --create "${files[@]}" | on_host "$(printf 'tar --extract --directory %q' "$DEPLOY_DIRECTORY")"
on_host "$(printf 'cd %q && scripts/deploy/roll_out.sh %q' "$DEPLOY_DIRECTORY" "$image")"
