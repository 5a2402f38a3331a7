-- Between the runs: changed rows, and new ones.
UPDATE accounts SET status = 'closed', closed_on = CURRENT_DATE, updated_at = NOW(6) WHERE id BETWEEN 2001 AND 3000;
UPDATE accounts SET balance = -balance, updated_at = NOW(6) WHERE id IN (42, 43, 18446744073709551615);
UPDATE accounts SET credit_limit = NULL, updated_at = NOW(6) WHERE id BETWEEN 12001 AND 12100;
INSERT INTO accounts
SELECT id + 70000, customer_id, account_code, account_uuid, status, flags, balance, credit_limit, currency, interest_rate,
  risk_score, is_business, billing_day, payment_terms_days, invoice_count, permissions, opened_on, closed_on, NOW(), NOW(6)
FROM accounts WHERE id BETWEEN 101 AND 600;
UPDATE customers SET notes = NULL, company = 'renamed 🦆', updated_at = NOW(6) WHERE id BETWEEN 4001 AND 4400;
INSERT INTO customers
SELECT id + 40000, email, phone, tax_number, first_name, company, country, birth_year, preferred_call_time, loyalty_points,
  timezone_offset_minutes, rating, lifetime_value, is_test, preferences, notes, avatar, last_login_at, NOW(), NOW(6)
FROM customers WHERE id BETWEEN 101 AND 400;
