/* SPDX-License-Identifier: Apache-2.0
 * Attaches to a running core by docs/abi/thintail.h alone and reads its events: a C program as a user would write it.
 *
 *   abi_c_reader SEGMENT COUNT RAW    writes COUNT events' bytes to the file RAW, then says what it saw
 *   abi_c_reader SEGMENT --fault      only checks the header: prints the fault's number (0: none), and exits 0
 */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "thintail.h"

static int give_up(const char *why) {
  fprintf(stderr, "abi_c_reader: %s\n", why);
  return 1;
}

/* Reads `count` events, oldest first, and counts ticks on the way. */
static int read_events(const void *map, uint64_t count, FILE *raw) {
  uint64_t size = 0;
  const void *region =
      thintail_find(map, "events", THINTAIL_ELEMENT_TYPE_EVENT_STREAM, THINTAIL_CELL_BYTES, &size);
  struct thintail_observer observer;
  if (!thintail_observe(&observer, region, size, 0)) return give_up("the stream does not fit");
  const time_t deadline = time(NULL) + 60;
  uint64_t ticks = 0, backward = 0, last = 0;
  struct thintail_tick tick = {0};
  for (uint64_t seen = 0; seen < count && time(NULL) < deadline;) {
    struct thintail_event event;
    if (thintail_next(&observer, &event) != THINTAIL_EVENT) continue;
    ++seen;
    backward += event.sequence <= last;
    last = event.sequence;
    if (raw != NULL && fwrite(&event, sizeof event, 1, raw) != 1) return give_up("cannot write");
    if (event.type != THINTAIL_EVENT_TYPE_TICK) continue;
    ++ticks;
    memcpy(&tick, event.payload, sizeof tick);
  }
  printf("ticks %llu backward %llu missed %llu last bid %lld ask %lld\n", (unsigned long long)ticks,
         (unsigned long long)backward, (unsigned long long)observer.missed_total, (long long)tick.bid_e9,
         (long long)tick.ask_e9);
  return ticks > 0 && backward == 0 && tick.bid_e9 > 0 ? 0 : give_up("no ticks, or not in order");
}

/* The newest quote of each instrument, by its name. */
static int read_quotes(const void *map) {
  uint64_t size = 0, names_size = 0, shown = 0;
  const void *quotes = thintail_find(map, "quotes", THINTAIL_ELEMENT_TYPE_QUOTE_TABLE,
                                     sizeof(struct thintail_quote_cell), &size);
  const void *names = thintail_find(map, "instruments", THINTAIL_ELEMENT_TYPE_INSTRUMENT_NAMES,
                                    sizeof(struct thintail_instrument_name_row), &names_size);
  if (quotes == NULL || names == NULL) return give_up("no quotes, or no instruments");
  const uint64_t rows = thintail_rows(quotes, size, sizeof(struct thintail_quote_cell));
  const uint64_t named = thintail_appended(names, names_size, sizeof(struct thintail_instrument_name_row));
  for (uint64_t i = 0; i < rows && i < named; ++i) {
    struct thintail_quote_row quote;
    int attempts = 1000;
    while (!thintail_load_row(thintail_row(quotes, i, sizeof(struct thintail_quote_cell)), &quote, sizeof quote)) {
      if (--attempts == 0) return give_up("a quote stayed torn");
    }
    const struct thintail_instrument_name_row *name =
        thintail_appended_row(names, i, sizeof(struct thintail_instrument_name_row));
    printf("quote %.*s %lld %lld\n", (int)sizeof name->name, name->name, (long long)quote.bid_e9,
           (long long)quote.ask_e9);
    shown += quote.ticks > 0;
  }
  return shown > 0 ? 0 : give_up("no quote yet");
}

int main(int argc, char **argv) {
  if (argc < 3) return give_up("needs SEGMENT and COUNT or --fault");
  const int file = open(argv[1], O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) return give_up("cannot open the segment");
  const size_t bytes = (size_t)status.st_size;
  const void *map = bytes == 0 ? NULL : mmap(NULL, bytes, PROT_READ, MAP_SHARED, file, 0);
  if (map == MAP_FAILED) return give_up("cannot map the segment");
  const enum thintail_fault fault = thintail_check(map, bytes);
  if (strcmp(argv[2], "--fault") == 0) {
    printf("%d\n", (int)fault);
    return 0;
  }
  if (fault != THINTAIL_OK) return give_up("not a segment that this header describes");
  FILE *raw = argc > 3 ? fopen(argv[3], "wb") : NULL;
  const int failed = read_events(map, strtoull(argv[2], NULL, 10), raw);
  if (raw != NULL && fclose(raw) != 0) return give_up("cannot write");
  return failed != 0 ? failed : read_quotes(map);
}
