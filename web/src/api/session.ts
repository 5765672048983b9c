import { ApiError, readError } from './error';

/** Token facts as Keystone gives them (API ref: password authentication with scoped authorization). */
export interface TokenBody {
  expires_at: string;
  user: { id: string; name: string; domain: { id: string; name: string } };
  project?: { id: string; name: string; domain: { id: string; name: string } };
  domain?: { id: string; name: string };
  roles?: { id: string; name: string }[];
  catalog?: CatalogEntry[];
}

export interface CatalogEntry {
  type: string;
  name: string;
  id: string;
  endpoints: { id: string; interface: string; region: string; region_id: string; url: string }[];
}

export interface Session {
  token: string;
  body: TokenBody;
  region: string;
}

export interface Project {
  id: string;
  name: string;
  domain_id: string;
  description?: string;
  enabled: boolean;
}

type Listener = () => void;

const lastProjectKey = 'wisp.project';
const lastRegionKey = 'wisp.region';
/** How long before its end a session asks for the password again, in ms. */
export const renewBefore = 5 * 60_000;

/**
 * The session lives in memory. The server keeps a copy of the token in an HttpOnly cookie, so that a reload and a second tab
 * find it again; no script can read that cookie. Nothing secret is in web storage.
 */
class SessionStore {
  #session: Session | null = null;
  #listeners = new Set<Listener>();
  #ownerListeners = new Set<Listener>();
  #owner = '';
  #expired = false;
  #waiting: (() => void)[] = [];
  #channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('wisp.session');

  constructor() {
    this.#channel?.addEventListener('message', (event: MessageEvent) => {
      if (event.data === 'ended' && this.#session) this.end();
    });
  }

  get current(): Session | null {
    return this.#session;
  }

  /** Whose things are shown: user, project and region; '' when nobody is logged in. A renewed token has the same owner. */
  get owner(): string {
    const now = this.#session;
    return now ? `${now.body.user.id} ${now.body.project?.id ?? ''} ${now.region}` : '';
  }

  /** True while a session is known but its token is not accepted any more. */
  get expired(): boolean {
    return this.#expired;
  }

  get isAdmin(): boolean {
    return this.#session?.body.roles?.some((role) => role.name === 'admin') ?? false;
  }

  subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** onOwner is for what outlives a page: it is told of another owner before any page is drawn for them. */
  onOwner(listener: Listener): void {
    this.#ownerListeners.add(listener);
  }

  snapshot = (): string => `${this.#session?.token ?? ''} ${this.#expired} ${this.#session?.region ?? ''}`;

  #tell(): void {
    if (this.owner !== this.#owner) {
      this.#owner = this.owner;
      for (const listener of this.#ownerListeners) listener();
    }
    for (const listener of this.#listeners) listener();
  }

  /** set takes a token into use, and lets requests go on that waited for one. */
  async set(token: string, body: TokenBody): Promise<void> {
    const regions = regionsOf(body);
    const last = localStorage.getItem(lastRegionKey) ?? '';
    this.#session = { token, body, region: regions.includes(last) ? last : (regions[0] ?? '') };
    this.#expired = false;
    if (body.project) localStorage.setItem(lastProjectKey, body.project.id);
    for (const go of this.#waiting.splice(0)) go();
    this.#tell();
    await storeCookie(token);
  }

  setRegion(region: string): void {
    if (!this.#session) return;
    localStorage.setItem(lastRegionKey, region);
    this.#session = { ...this.#session, region };
    this.#tell();
  }

  /** expire marks the token as refused and waits for the next one; what the user has typed stays where it is. */
  expire(): Promise<void> {
    if (!this.#expired) {
      this.#expired = true;
      this.#tell();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(): void {
    this.#session = null;
    this.#expired = false;
    for (const go of this.#waiting.splice(0)) go(); // they find no session
    this.#tell();
  }

  /** logout ends the session here, in other tabs, and on the server. */
  async logout(): Promise<void> {
    const token = this.#session?.token;
    this.end();
    this.#channel?.postMessage('ended');
    if (token) {
      await fetch('/session', { method: 'DELETE', headers: { 'X-Wisp-Session': '1', 'X-Auth-Token': token } }).catch(
        () => undefined,
      );
    }
  }
}

export const session = new SessionStore();

const storeCookie = async (token: string): Promise<void> => {
  await fetch('/session', { method: 'POST', headers: { 'X-Wisp-Session': '1', 'X-Auth-Token': token } }).catch(
    () => undefined,
  );
};

export function regionsOf(body: TokenBody): string[] {
  const names = new Set<string>();
  for (const service of body.catalog ?? []) for (const endpoint of service.endpoints) names.add(endpoint.region_id);
  return [...names].sort();
}

type Scope = { project: { id: string } } | 'unscoped';
interface Auth {
  identity: object;
  scope: Scope;
}

async function issue(auth: Auth): Promise<{ token: string; body: TokenBody }> {
  const answer = await send('/identity/v3/auth/tokens', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth }),
  });
  const token = answer.headers.get('X-Subject-Token');
  if (!token) throw new ApiError(answer.status, 'The identity service gave no token.');
  return { token, body: ((await answer.json()) as { token: TokenBody }).token };
}

async function send(url: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, init);
  } catch (cause) {
    throw new ApiError(0, String(cause));
  }
  if (!answer.ok)
    throw readError(answer.status, await answer.text(), answer.headers.get('X-Openstack-Request-Id') ?? '');
  return answer;
}

const byPassword = (user: string, password: string, domain: string): object => ({
  methods: ['password'],
  password: { user: { name: user, domain: { name: domain }, password } },
});

/** The projects that a token's owner may work in. */
export async function projectsOf(token: string): Promise<Project[]> {
  const answer = await send('/identity/v3/auth/projects', { headers: { 'X-Auth-Token': token } });
  const { projects } = (await answer.json()) as { projects: Project[] };
  return projects.filter((p) => p.enabled).sort((a, b) => a.name.localeCompare(b.name));
}

/** login proves who asks, then takes the project used last, or the first one. Errors: ApiError 401; 0 when no answer came. */
export async function login(user: string, password: string, domain: string): Promise<void> {
  const first = await issue({ identity: byPassword(user, password, domain), scope: 'unscoped' });
  const projects = await projectsOf(first.token);
  const last = localStorage.getItem(lastProjectKey);
  const project = projects.find((p) => p.id === last) ?? projects[0];
  if (!project) throw new ApiError(403, 'no-project');
  const scoped = await rescoped(first.token, project.id);
  await session.set(scoped.token, scoped.body);
}

const rescoped = (token: string, project: string) =>
  issue({ identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: project } } });

/** The user may not work in the session's project any more: the last role was taken, or the project is disabled. */
export class ProjectGone extends ApiError {
  /** others: projects that the user may work in. */
  constructor(readonly others: Project[]) {
    super(403, 'project-gone');
  }
}

/**
 * renew takes a new token for the same user; the password is asked for, as a token never outlives the proof behind it. The
 * project stays the same unless another one is named. Errors: ApiError 401 means the password; ProjectGone.
 */
export async function renew(password: string, into?: string): Promise<void> {
  const now = session.current;
  if (!now) return;
  const { user, project } = now.body;
  let next = await issue({ identity: byPassword(user.name, password, user.domain.name), scope: 'unscoped' });
  const wanted = into ?? project?.id;
  if (wanted) {
    const projects = await projectsOf(next.token);
    const others = projects.filter((p) => p.id !== wanted);
    if (others.length === projects.length) throw new ProjectGone(others);
    next = await rescoped(next.token, wanted).catch((error) => {
      // The password was right a moment ago: the project went in between.
      throw error instanceof ApiError && error.status === 401 ? new ProjectGone(others) : error;
    });
  }
  if (session.current?.token !== now.token) return; // somebody logged out meanwhile
  await session.set(next.token, next.body);
}

/**
 * changePassword gives the user of the session another password, which ends all tokens, and takes a new one. It asks by itself
 * for an answer of its own: 401 says here that the old password is wrong, not that the session has ended.
 */
export async function changePassword(old: string, password: string): Promise<void> {
  const now = session.current;
  if (!now) return;
  await proveAndChange(now.body.user.id, old, password);
  try {
    await renew(password);
  } catch (error) {
    if (!(error instanceof ProjectGone)) throw error;
    void session.expire(); // the password is changed; the renewal says what to do about the project
  }
}

/**
 * expiredUser is the id of the user whose password is right and has expired, where that is why a log-in was refused. The id
 * is in Keystone's message only; Horizon reads it there too.
 */
export function expiredUser(error: unknown): string | undefined {
  if (!(error instanceof ApiError) || error.status !== 401) return undefined;
  return /^The password is expired and needs to be changed for user: ([^.\s]+)\./.exec(error.message)?.[1];
}

/**
 * proveAndChange gives a user another password, which takes the old one and no token: so that one that has expired can be
 * changed. Errors: ApiError 401, the old one is wrong; 400, the new one is not as the rules want it.
 */
export async function proveAndChange(user: string, old: string, password: string): Promise<void> {
  await send(`/identity/v3/users/${user}/password`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify({ user: { original_password: old, password } }),
  });
}

/**
 * switchProject takes a token for another project. Errors: ApiError 401, the user may not work there; 404, the session's own
 * token is good for nothing any more, and so the session has ended. That is Keystone's answer: the token is what is not found.
 */
export async function switchProject(project: string): Promise<void> {
  const now = session.current;
  if (!now) return;
  const { token, body } = await rescoped(now.token, project).catch((error) => {
    if (error instanceof ApiError && error.status === 404) void session.expire();
    throw error;
  });
  await session.set(token, body);
}

/** restore finds the session that a reload or another tab left in the cookie. */
export async function restore(): Promise<void> {
  let answer: Response;
  try {
    answer = await send('/session', { headers: { 'X-Wisp-Session': '1' } });
  } catch (error) {
    if (error instanceof ApiError && !error.unreachable) return; // there is none
    throw error;
  }
  const { token } = (await answer.json()) as { token: string };
  const shown = await send('/identity/v3/auth/tokens', {
    headers: { 'X-Auth-Token': token, 'X-Subject-Token': token },
  });
  await session.set(token, ((await shown.json()) as { token: TokenBody }).token);
}
