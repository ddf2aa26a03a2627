/** MemoryStore is a Store. */
import test from 'ava';
import { ManualClock } from '../../../base/clock.ts';
import { MemoryStore } from '../../../controller/store/memory-store.ts';
import { storeConformance } from './store-suite.ts';

storeConformance(
  test,
  async (_, revisionsKeptMax) => new MemoryStore(new ManualClock(), revisionsKeptMax),
);
