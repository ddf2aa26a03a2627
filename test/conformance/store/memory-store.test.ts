/** MemoryStore is a Store. */
import test from 'ava';
import { ManualClock } from '../../../base/clock.ts';
import { MemoryStore } from '../../../controller/store/memory-store.ts';
import { storeConformance } from './store-suite.ts';

storeConformance(test, async () => new MemoryStore(new ManualClock()));
