// Why a command was not done, and whether it may have happened all the same.

/** The causes that a receipt may tell, with `happened`. */
export const HAPPENED = {
  malformed: 'no', 'wrong-address': 'no', 'stale-nonce': 'no', 'unknown-nonce': 'maybe', 'unknown-device': 'no',
  'unknown-action': 'no', forbidden: 'no', busy: 'no',
  hardware: 'maybe', 'not-confirmed': 'maybe', offline: 'no', unreachable: 'no', 'not-configured': 'no',
  timeout: 'maybe', 'bad-answer': 'maybe', rejected: 'no', credentials: 'no', internal: 'maybe',
};

/** What a device throws when it could not: `new ActionError('timeout', 'the lamp does not answer')`. */
export class ActionError extends Error {
  constructor(cause, detail) {
    super(detail);
    this.cause = cause;
  }
}
