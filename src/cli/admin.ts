/** The running daemon, as the hoster's commands reach it. */
import { codeOf } from '../errors.ts';
import type { AdminHandlers } from '../http/admin-handlers.ts';
import type { ConfigOption } from './command.ts';
import { readConfig } from './config-file.ts';
import type { Face } from './face.ts';
import { AdvisedError } from './failure.ts';

export interface Admin extends AdminHandlers {
  close(): Promise<void>;
}

/** Connects to a socket when first asked: calls throw `unavailable` where nobody listens. */
export type OpenAdmin = (socketPath: string) => Admin;

export interface AdminParts {
  readonly face: Face;
  readonly openAdmin: OpenAdmin;
}

/** Asks the daemon of the configuration. Throws what it answers, and `unavailable` where it is not running. */
export async function askDaemon<T>(
  { face, openAdmin }: AdminParts,
  options: ConfigOption,
  question: (admin: AdminHandlers) => Promise<T>,
): Promise<T> {
  const { path } = readConfig(face, options).listen.admin;
  const admin = openAdmin(path);
  try {
    return await question(admin);
  } catch (cause) {
    if (codeOf(cause) === 'unauthorized')
      throw new AdvisedError(
        'unauthorized',
        `you may not open the socket ${path}`,
        'run this as the user of the daemon',
        { cause },
      );
    if (!isUnreachable(cause)) throw cause;
    const option = options.config === undefined ? '' : ` --config ${options.config}`;
    throw new AdvisedError(
      'unavailable',
      `the daemon is not running: nobody listens at ${path}`,
      `start it: beckon serve${option}`,
      { cause },
    );
  } finally {
    await admin.close();
  }
}

/** Whether a daemon listens at the socket. */
export async function isRunning(openAdmin: OpenAdmin, socketPath: string): Promise<boolean> {
  const admin = openAdmin(socketPath);
  try {
    await admin.status();
    return true;
  } catch (error) {
    if (isUnreachable(error)) return false;
    throw error;
  } finally {
    await admin.close();
  }
}

function isUnreachable(error: unknown): boolean {
  return codeOf(error) === 'unavailable';
}
