CREATE TABLE orders(id int PRIMARY KEY, ref int, v text, amount numeric(12,2));
CREATE INDEX orders_ref ON orders(ref);
CREATE TABLE items(id int PRIMARY KEY, orders_id int, qty int, note text);
CREATE TABLE customers(id bigint PRIMARY KEY, name text UNIQUE, born date CHECK (born > '1900-01-01'));
CREATE TABLE ledger(id int, v text, r int);
CREATE TABLE payments(id int PRIMARY KEY, orders_id int REFERENCES orders(id), amount numeric);
CREATE TABLE shipments(id int, body text);
CREATE TABLE events(at int, what text) PARTITION BY RANGE (at);
CREATE VIEW open_orders AS SELECT id, v FROM orders WHERE amount < 50;
INSERT INTO orders(id, ref, v, amount) SELECT i, i % 10, 'row ' || i, i % 100 FROM generate_series(1, 1000) i;
INSERT INTO items SELECT i, i % 1000 + 1, i, 'n' FROM generate_series(1, 3000) i;
INSERT INTO customers SELECT i, 'c' || i, '2000-01-01'::date + i FROM generate_series(1, 100) i;
INSERT INTO ledger SELECT i, md5(i::text), (i * 7919) % 10007 FROM generate_series(1, 20000) i;
INSERT INTO shipments SELECT 1, repeat(md5('x'), 4000);
CREATE TABLE events_0 PARTITION OF events FOR VALUES FROM (0) TO (10);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (10) TO (20);
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (20) TO (30);
CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (30) TO (40);
CREATE TABLE events_4 PARTITION OF events FOR VALUES FROM (40) TO (50);
CREATE TABLE events_5 PARTITION OF events FOR VALUES FROM (50) TO (60);
CREATE TABLE events_6 PARTITION OF events FOR VALUES FROM (60) TO (70);
CREATE TABLE events_7 PARTITION OF events FOR VALUES FROM (70) TO (80);
CREATE TABLE events_8 PARTITION OF events FOR VALUES FROM (80) TO (90);
CREATE TABLE events_9 PARTITION OF events FOR VALUES FROM (90) TO (100);
CREATE TABLE events_10 PARTITION OF events FOR VALUES FROM (100) TO (110);
CREATE TABLE events_11 PARTITION OF events FOR VALUES FROM (110) TO (120);
INSERT INTO events SELECT i, 'e' FROM generate_series(0, 119) i;

CREATE FUNCTION orders_inner() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
END $$;
CREATE FUNCTION orders_exc() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM count(*) FROM orders;
    RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
  EXCEPTION WHEN division_by_zero THEN
    RAISE NOTICE 'not reached';
  END;
END $$;
CREATE FUNCTION orders_handler() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM 1 / (count(*) - count(*)) FROM orders;
  EXCEPTION WHEN division_by_zero THEN
    RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
  END;
END $$;
CREATE FUNCTION orders_sum(n int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE s bigint := 0; r record;
BEGIN
  FOR r IN SELECT id FROM orders WHERE id <= n LOOP s := s + r.id; END LOOP;
  RETURN s;
END $$;
CREATE FUNCTION orders_sql(n int) RETURNS bigint LANGUAGE sql AS $$ SELECT sum(id) FROM orders WHERE id <= n $$;
CREATE FUNCTION both_levels() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    BEGIN
      PERFORM count(*) FROM items;
      RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
    EXCEPTION WHEN division_by_zero THEN
      RAISE NOTICE 'not reached';
    END;
  EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'not reached either';
  END;
END $$;
CREATE FUNCTION inner_handler() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM count(*) FROM customers;
    BEGIN
      PERFORM 1 / 0;
    EXCEPTION WHEN division_by_zero THEN
      RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
    END;
  EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'not reached';
  END;
END $$;
CREATE FUNCTION outer_handler() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    BEGIN
      RAISE EXCEPTION 'no';
    EXCEPTION WHEN OTHERS THEN
      RAISE EXCEPTION 'nor this';
    END;
  EXCEPTION WHEN OTHERS THEN
    RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
  END;
END $$;
CREATE FUNCTION handler_in_handler() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM 1 / 0;
  EXCEPTION WHEN OTHERS THEN
    BEGIN
      PERFORM count(*) FROM items;
      RAISE EXCEPTION 'again';
    EXCEPTION WHEN OTHERS THEN
      RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
    END;
  END;
END $$;
CREATE FUNCTION after_handler() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM 1 / 0 FROM orders;
  EXCEPTION WHEN division_by_zero THEN
    PERFORM count(*) FROM items;
  END;
  RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
END $$;
CREATE FUNCTION looping() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..3 LOOP
    BEGIN
      PERFORM 1 / 0 FROM orders;
    EXCEPTION WHEN division_by_zero THEN
      PERFORM count(*) FROM items;
    END;
  END LOOP;
  BEGIN
    RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
  EXCEPTION WHEN OTHERS THEN
    NULL;
  END;
END $$;
CREATE FUNCTION fails(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 / 0 FROM customers;
  RETURN n;
END $$;
CREATE FUNCTION deep() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM fails(1);
  EXCEPTION WHEN OTHERS THEN
    RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
  END;
END $$;
CREATE FUNCTION around() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    RETURN QUERY SELECT * FROM orders_handler();
  EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'not reached';
  END;
END $$;
CREATE FUNCTION rows_of() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  FOR r IN SELECT id FROM items WHERE id <= 1 LOOP
    BEGIN
      RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
    EXCEPTION WHEN OTHERS THEN
      NULL;
    END;
  END LOOP;
END $$;
CREATE FUNCTION loop_of_rows() RETURNS SETOF pg_backend_memory_contexts LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
  BEGIN
    FOR r IN SELECT id FROM items WHERE id <= 2 LOOP
      PERFORM count(*) / (count(*) - count(*)) FROM orders;
    END LOOP;
  EXCEPTION WHEN division_by_zero THEN
    FOR r IN SELECT id FROM customers WHERE id = 1 LOOP
      RETURN QUERY SELECT * FROM pg_backend_memory_contexts;
    END LOOP;
  END;
END $$;
CREATE FUNCTION uncaught() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    PERFORM 1 / 0 FROM orders;
  EXCEPTION WHEN unique_violation THEN
    RETURN 1;
  END;
  RETURN 2;
END $$;
-- story orders-handler
SELECT * FROM orders_handler();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM orders_handler();
SELECT * FROM pg_backend_memory_contexts;
-- story both-levels
SELECT * FROM both_levels();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM both_levels();
SELECT * FROM pg_backend_memory_contexts;
-- story inner-handler
SELECT * FROM inner_handler();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM inner_handler();
SELECT * FROM pg_backend_memory_contexts;
-- story outer-handler
SELECT * FROM outer_handler();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM outer_handler();
SELECT * FROM pg_backend_memory_contexts;
-- story handler-in-handler
SELECT * FROM handler_in_handler();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM handler_in_handler();
SELECT * FROM pg_backend_memory_contexts;
-- story after-handler
SELECT * FROM after_handler();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM after_handler();
SELECT * FROM pg_backend_memory_contexts;
-- story looping
SELECT * FROM looping();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM looping();
SELECT * FROM pg_backend_memory_contexts;
-- story deep
SELECT * FROM deep();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM deep();
SELECT * FROM pg_backend_memory_contexts;
-- story around
SELECT * FROM around();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM around();
SELECT * FROM pg_backend_memory_contexts;
-- story rows-of
SELECT * FROM rows_of();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM rows_of();
SELECT * FROM pg_backend_memory_contexts;
-- story loop-of-rows
SELECT * FROM loop_of_rows();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM rows_of();
SELECT * FROM pg_backend_memory_contexts;
-- story exception-in-transaction
BEGIN;
SELECT * FROM orders_exc();
SELECT * FROM pg_backend_memory_contexts;
SELECT * FROM orders_handler();
SELECT * FROM pg_backend_memory_contexts;
COMMIT;
SELECT * FROM pg_backend_memory_contexts;
-- story exception-in-savepoint
BEGIN;
SAVEPOINT s1;
SELECT * FROM orders_handler();
SELECT * FROM pg_backend_memory_contexts;
INSERT INTO items VALUES (100001, 1, 1, 'x');
SELECT * FROM orders_exc();
ROLLBACK TO s1;
SELECT * FROM pg_backend_memory_contexts;
ROLLBACK;
SELECT * FROM pg_backend_memory_contexts;
-- story uncaught
SELECT uncaught();
SELECT * FROM pg_backend_memory_contexts;
-- story uncaught-in-savepoint
BEGIN;
SAVEPOINT s1;
SELECT uncaught();
ROLLBACK TO s1;
SELECT * FROM pg_backend_memory_contexts;
SELECT fails(1);
ROLLBACK;
SELECT * FROM pg_backend_memory_contexts;
-- story do-exception
DO $$ BEGIN BEGIN PERFORM 1 / 0 FROM orders; EXCEPTION WHEN OTHERS THEN NULL; END; END $$;
SELECT * FROM pg_backend_memory_contexts;
-- story two-functions
SELECT orders_sum(3), fails(1);
SELECT * FROM pg_backend_memory_contexts;
SELECT orders_sum(3);
SELECT * FROM pg_backend_memory_contexts;
-- story delete-referenced
BEGIN;
INSERT INTO payments VALUES (70001, 1, 10);
SELECT * FROM pg_backend_memory_contexts;
DELETE FROM payments WHERE id = 70001;
COMMIT;
SELECT * FROM pg_backend_memory_contexts;
-- story top-n-other
BEGIN;
DECLARE cur1 CURSOR FOR SELECT * FROM ledger ORDER BY v LIMIT 33;
FETCH 1 FROM cur1;
SELECT * FROM pg_backend_memory_contexts;
ROLLBACK;
SELECT * FROM pg_backend_memory_contexts;
-- story sort-offset
SET work_mem = '64kB';
BEGIN;
DECLARE cur2 CURSOR FOR SELECT v FROM ledger ORDER BY v LIMIT 3 OFFSET 90;
FETCH 1 FROM cur2;
SELECT * FROM pg_backend_memory_contexts;
COMMIT;
SELECT * FROM pg_backend_memory_contexts;
-- story sort-one-column
SET work_mem = '1MB';
BEGIN;
DECLARE c CURSOR FOR SELECT v FROM ledger ORDER BY v;
FETCH 2 FROM c;
SELECT * FROM pg_backend_memory_contexts;
CLOSE c;
SELECT * FROM pg_backend_memory_contexts;
ROLLBACK;
