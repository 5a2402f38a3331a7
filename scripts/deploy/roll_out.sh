#!/usr/bin/env bash
# On the host: bring the services to this image, ask whether they work, and put the image before it back if they do not.
# scripts/deploy/roll_out.sh IMAGE@sha256:...   Exit codes: 0 works; 1 refused, nothing was changed, or the old one is back;
# 2 neither works.
set -euo pipefail

image=${1:?the image, by digest}
if [[ ! $image =~ @sha256:[0-9a-f]{64}$ ]]; then
  echo "error: '$image' is no digest. Write name@sha256:..., so that what was signed is what runs." >&2
  exit 1
fi
export COMPOSE_FILE=docker-compose-dagster.base.yml:docker-compose-dagster.prod.yml
deployed=.deployed-image
wait_seconds=${ROLL_OUT_WAIT_SECONDS:-300}

start() { # IMAGE
  export DAGSTER_IMAGE=$1
  docker compose up --detach --remove-orphans --wait --wait-timeout "$wait_seconds" &&
    docker compose exec -T dagster_webserver python - < scripts/deploy/smoke_test.py
}

before=$(cat "$deployed" 2> /dev/null || true)
export DAGSTER_IMAGE=$image
if ! docker compose pull --quiet; then
  echo "error: $image cannot be pulled. Nothing was changed." >&2
  exit 1
fi
if start "$image"; then
  echo "$image" > "$deployed.new" && mv "$deployed.new" "$deployed"
  echo "Deployed $image (before: ${before:-nothing})."
  docker compose exec -T dagster python -m dagster_pipeline doctor --problems || true # for people: a late table is no bad image
  exit 0
fi

docker compose logs --tail 50 >&2 || true
if [[ -z $before ]]; then
  echo "error: $image does not work, and no image was deployed before it." >&2
  exit 2
fi
echo "error: $image does not work. Putting $before back." >&2
if start "$before"; then
  exit 1
fi
echo "error: $before does not work either. See docs/deployment.md, 'Nothing starts'." >&2
exit 2
