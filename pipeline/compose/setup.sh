#!/bin/sh
# Makes buckets, retention and tokens (once), and gives each service the tokens of its own work.
set -eu
umask 077
config=${CONFIG:-/opt/heelfirst/compose/pipeline.toml}
secrets=${SECRETS_FOLDER:-/secrets}

give() { # USER SERVICE NAME..: copies of tokens, readable by that account alone
    user=$1 service=$2
    shift 2
    for name in "$@"; do
        cp "$secrets/influx/influx2-$name.token" "$secrets/$service/influx2-$name.token"
        if [ "$(id -u)" = 0 ]; then chown "$user" "$secrets/$service/influx2-$name.token"; fi
    done
}

mkdir -p "$secrets/influx" "$secrets/pipeline" "$secrets/grafana"
heelfirst pipeline setup --config "$config" --secrets "$secrets/influx"
give 10001:10001 pipeline ingest rollups
give 472:0 grafana dashboards daily
