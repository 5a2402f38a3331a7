-- The facility management database. Types agree with schemas/postgres/fma/, which a test holds.
CREATE TABLE premises (
  id bigint PRIMARY KEY,
  reference uuid NOT NULL UNIQUE,
  name character varying(255) NOT NULL,
  region_code character(2) NOT NULL,
  address text,
  floors smallint NOT NULL,
  rooms integer,
  area_m2 numeric(12,3) NOT NULL,
  book_value numeric,
  latitude double precision,
  longitude double precision,
  energy_rating real,
  is_listed boolean NOT NULL,
  features text[] NOT NULL,
  attributes jsonb,
  floor_plan bytea,
  built_on date,
  opens_at time without time zone,
  created_at timestamp without time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now()
);
CREATE INDEX ON premises (updated_at);

CREATE TABLE premise_details (
  premise_id bigint NOT NULL,
  detail_kind character varying(40) NOT NULL,
  value_text text,
  value_number numeric(20,4),
  value_json jsonb,
  readings integer[],
  service_interval interval,
  is_verified boolean,
  verified_by uuid,
  valid_from date NOT NULL,
  updated_at timestamp(3) with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (premise_id, detail_kind)
);
CREATE INDEX ON premise_details (updated_at);
