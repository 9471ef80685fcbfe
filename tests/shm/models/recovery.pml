/* SPDX-License-Identifier: Apache-2.0
 * Recovery: a writer and its journal die at any step, and so may the recovery itself; in the end the journal holds every
 * published event exactly once and in order.
 *   source  shm/stream/cell.hpp (publish), stream_writer.hpp (append), adapters/journal/journal_stage.hpp,
 *           tools/daemon/recovery.cpp (take_over), shm/segment/segment.cpp (publish)
 *
 * A killed process' stores are all visible, in the order in which they were made (relacy's models look at orders between
 * living threads). A cell is its sequence and two payload words, which an event of number s fills with s. A disk write
 * becomes visible whole: blocks are checksummed, and a torn one is cut off.
 * Mutants: -DPUBLISH_FIRST (sequence before payload), -DRELEASE_EARLY (slots given back before they are durable),
 * -DHEAD_ONLY (recovery believes head, and does not look one further), -DRECOVER_LATE (the new segment takes the name
 * before the tail is in the journal).
 */
#define SLOTS 2   /* of the ring */
#define EVENTS 5  /* published in all, over all epochs */
#define KILLS 3

/* The segment in force. A new one begins empty. */
byte sequence[SLOTS];
byte low[SLOTS];
byte high[SLOTS];
byte head;
byte consumed;
byte published;  /* not part of the algorithm: the last event that an observer may have seen */

/* The journal: journal[i] is the event in place i, counted from 1. */
byte journal[8];
byte journal_end;

byte kills;
bool alive;
bool torn;  /* an event with another one's payload went into the journal */

/* Any step may be the last one. */
#define STEP if :: kills < KILLS -> kills++; goto killed :: true fi

inline write_to_journal(event, words_low, words_high) {
  atomic {
    if :: words_low != event || words_high != event -> torn = true :: else fi;
    journal_end++;
    journal[journal_end] = event
  }
}

proctype Life() {
  byte next, cell, last, seen, word_low, word_high;

  /* --- take_over: what the old segment holds past the journal's end --- */
  last = journal_end;
#ifdef RECOVER_LATE
  goto make_segment;
recover:
#endif
  do
  :: 
#ifdef HEAD_ONLY
     if :: last + 1 > head -> break :: else fi;
#endif
     seen = sequence[(last + 1) % SLOTS];
     if
     :: seen != last + 1 -> break
     :: else ->
        word_low = low[(last + 1) % SLOTS];
        word_high = high[(last + 1) % SLOTS];
        STEP;
        write_to_journal(seen, word_low, word_high);
        last++;
        STEP
     fi
  od;
#ifdef RECOVER_LATE
  goto running;
make_segment:
#endif

  /* --- the new segment takes the name in one step: rename --- */
  STEP;
  atomic {
    cell = 0;
    do
    :: cell < SLOTS -> sequence[cell] = 0; low[cell] = 0; high[cell] = 0; cell++
    :: else -> break
    od;
    head = journal_end;
    consumed = journal_end
  }
#ifdef RECOVER_LATE
  goto recover;
running:
#endif

  /* --- the run: engine and journal thread die together; between kills they interleave at every step --- */
  next = journal_end + 1;
  last = journal_end;
  cell = 0;  /* which step of append() comes next */
  do
  :: cell == 0 && next <= EVENTS && next <= consumed + SLOTS -> cell = 1
  :: cell == 1 -> sequence[next % SLOTS] = 0;  /* W1 */
#ifdef PUBLISH_FIRST
     STEP; sequence[next % SLOTS] = next; published = next;
#endif
     cell = 2
  :: cell == 2 -> low[next % SLOTS] = next; cell = 3
  :: cell == 3 -> high[next % SLOTS] = next; cell = 4
  :: cell == 4 -> atomic { sequence[next % SLOTS] = next; published = next }; cell = 5  /* W2 */
  :: cell == 5 -> head = next; next++; cell = 0  /* H1 */

  /* the journal thread: a write makes the next event durable, then its slot is given back */
  :: last < EVENTS && sequence[(last + 1) % SLOTS] == last + 1 && last == journal_end ->
#ifdef RELEASE_EARLY
     consumed = last + 1; last++
  :: last > journal_end ->
     atomic { word_low = journal_end + 1; write_to_journal(word_low, word_low, word_low) }
#else
     atomic {
       word_low = low[(last + 1) % SLOTS];
       word_high = high[(last + 1) % SLOTS];
       write_to_journal(last + 1, word_low, word_high);
       last++
     }
  :: consumed < last -> consumed = last
#endif
  :: kills < KILLS -> kills++; goto killed
  :: cell == 0 && next > EVENTS && journal_end == EVENTS -> break
  od;
killed:
  alive = false
}

init {
  byte place;
  do
  :: alive = true;
     run Life();
     atomic {
       !alive;
       /* What somebody may have seen is in the journal, or can be found from the journal's end on. */
       assert(!torn);
       place = journal_end + 1;
       do
       :: place <= published -> assert(sequence[place % SLOTS] == place); place++
       :: else -> break
       od
     };
     if :: journal_end == EVENTS -> break :: else fi
  od;
  place = 1;
  do
  :: place <= EVENTS -> assert(journal[place] == place); place++
  :: else -> break
  od
}
