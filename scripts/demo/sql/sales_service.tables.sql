-- The sales database. Types agree with schemas/mysql/sales_service/, which a test holds.
CREATE TABLE leadsources (
  id smallint unsigned NOT NULL,
  code varchar(50) NOT NULL,
  name varchar(200) NOT NULL,
  channel enum('web','phone','partner','event') NOT NULL,
  cost_per_lead decimal(10,2),
  is_active tinyint(1) NOT NULL,
  opens_at time,
  external_id bigint,
  created_at datetime NOT NULL,
  PRIMARY KEY (id)
);

CREATE TABLE leads (
  id bigint unsigned NOT NULL AUTO_INCREMENT,
  lead_source_id smallint unsigned NOT NULL,
  email varchar(255) NOT NULL,
  full_name varchar(200),
  message mediumtext,
  subject tinytext,
  utm json,
  referrer varchar(2000),
  landing_page text,
  ip_address varbinary(16),
  budget decimal(12,2) unsigned,
  score double,
  consent tinyint(1) NOT NULL,
  session_seconds int unsigned,
  clock_skew_ms int,
  received_at datetime(3) NOT NULL,
  PRIMARY KEY (id)
);
