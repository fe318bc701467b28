/* A plain loop that inserts prepared rows into SQLite, and nothing else: what bench compares the tables target with.
   loop DATABASE SCHEMA.sql ROWS: a line of ROWS is a table's number and its columns, separated by US (0x1f); an empty column
   behind a "!" is null. TABLES come from the schema in the order of its statements. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sqlite3-binding.h"

static void check(sqlite3 *db, int rc, const char *what) {
  if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW) {
    fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
    exit(1);
  }
}

static char *read_file(const char *name) {
  FILE *f = fopen(name, "rb");
  if (!f) { perror(name); exit(1); }
  fseek(f, 0, SEEK_END);
  long n = ftell(f);
  rewind(f);
  char *text = malloc(n + 1);
  if (!text || fread(text, 1, n, f) != (size_t)n) { perror(name); exit(1); }
  text[n] = 0;
  fclose(f);
  return text;
}

int main(int argc, char **argv) {
  enum { max_tables = 64 };
  sqlite3 *db;
  sqlite3_stmt *insert[max_tables];
  int tables = 0;
  if (argc != 4) return 1;
  check(0, sqlite3_open(argv[1], &db), "open");
  check(db, sqlite3_exec(db, "PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE; PRAGMA cache_size = -4000; BEGIN IMMEDIATE", 0, 0, 0), "begin");
  /* The schema: one statement a line, CREATE TABLE; behind a tab, the INSERT for it. */
  char *schema = read_file(argv[2]);
  for (char *line = strtok(schema, "\n"); line; line = strtok(0, "\n")) {
    char *tab = strchr(line, '\t');
    if (!tab || tables == max_tables) return 1;
    *tab = 0;
    check(db, sqlite3_exec(db, line, 0, 0, 0), "create");
    check(db, sqlite3_prepare_v2(db, tab + 1, -1, &insert[tables++], 0), "prepare");
  }
  char *rows = read_file(argv[3]);
  for (char *p = rows; *p;) {
    char *end = strchr(p, '\n');
    int table = atoi(p);
    sqlite3_stmt *s = insert[table];
    int column = 0;
    p = strchr(p, 0x1f) + 1;
    while (p < end) {
      char *next = memchr(p, 0x1f, end - p);
      if (!next) next = end;
      if (next - p == 1 && *p == '!')
        sqlite3_bind_null(s, ++column);
      else
        sqlite3_bind_text(s, ++column, p, next - p, SQLITE_STATIC);
      p = next + 1;
    }
    check(db, sqlite3_step(s), "insert");
    sqlite3_reset(s);
    p = end + 1;
  }
  for (int i = 0; i < tables; i++) sqlite3_finalize(insert[i]);
  check(db, sqlite3_exec(db, "COMMIT", 0, 0, 0), "commit");
  sqlite3_close(db);
  return 0;
}
