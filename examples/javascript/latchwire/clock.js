// Seconds on a clock that nobody sets and that runs on while the machine sleeps.

import { readFileSync } from 'node:fs';

const UPTIME = '/proc/uptime'; // Linux: CLOCK_BOOTTIME, see proc_uptime(5)

function countsSleep() {
  try {
    return Number.parseFloat(readFileSync(UPTIME, 'ascii')) > 0;
  } catch {
    return false;
  }
}

/** Whether a time that the machine slept counts. Where it does not, a command may act that much later than its sender said. */
export const COUNTS_SLEEP = countsSleep();

/** Seconds since some moment before this process began. */
export function seconds() {
  if (COUNTS_SLEEP) return Number.parseFloat(readFileSync(UPTIME, 'ascii'));
  return Number(process.hrtime.bigint()) / 1e9;
}
