#!/bin/sh
# Makes what has to be there before the first start, where it is missing: the clinic's authority
# with the broker's files and the pipeline's certificate, and Grafana's secrets. Prints no secret.
set -eu
umask 077
clinic=${CLINIC_FOLDER:-/clinic}
broker=${BROKER_FOLDER:-/mosquitto/config}
secrets=${SECRETS_FOLDER:-/secrets}
data=${DATA_FOLDER:-/var/lib}

give() { # USER PATH..: to the account that the service runs as
    user=$1
    shift
    if [ "$(id -u)" = 0 ]; then chown -R "$user" "$@"; fi
}

random_file() { # FILE: 32 random bytes as text, once
    [ -s "$1" ] || python3 -c 'import secrets; print(secrets.token_urlsafe(32), end="")' >"$1"
}

if [ ! -e "$clinic/authority/ca.key" ]; then
    heelfirst provision clinic "$HEELFIRST_CLINIC" --clinic "$clinic" --broker-files "$broker" \
        --host "$HEELFIRST_HOST" --host mosquitto
fi
mkdir -p "$secrets/pipeline/broker" "$secrets/grafana"
for file in ca.crt cert.pem key.pem; do
    cp "$clinic/services/service.pipeline/$file" "$secrets/pipeline/broker/$file"
done
random_file "$secrets/grafana/admin-password"
random_file "$secrets/grafana/secret-key"
give 1883:1883 "$broker" "$data/mosquitto"
give 1000:1000 "$data/influxdb2" "${INFLUX_CONFIG:-/etc/influxdb2}"
give 10001:10001 "$secrets/pipeline"
give 472:0 "$secrets/grafana"
echo "Grafana's user is admin. Its password:"
echo "  docker compose exec grafana cat /run/heelfirst/admin-password"
