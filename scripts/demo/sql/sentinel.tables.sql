-- The telemetry database. Types agree with schemas/postgres/sentinel/, which a test holds.
CREATE TYPE device_status AS ENUM ('active', 'offline', 'retired');

CREATE TABLE devices (
  id uuid PRIMARY KEY,
  serial_number character varying(64) NOT NULL,
  model text NOT NULL,
  status device_status NOT NULL,
  premise_id bigint,
  ip_address inet,
  mac_address macaddr,
  labels text[] NOT NULL,
  channels integer[] NOT NULL,
  calibration double precision[],
  settings jsonb NOT NULL,
  raw_manifest json,
  public_key bytea,
  battery real,
  reporting_interval interval NOT NULL,
  quiet_from time(6) without time zone,
  is_online boolean NOT NULL,
  installed_on date,
  last_seen_at timestamp with time zone,
  updated_at timestamp with time zone
);
CREATE INDEX ON devices (updated_at);
