/** What went wrong, in words for a person. Status 0: no answer came at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly type = '',
    readonly requestId = '',
  ) {
    super(message);
    this.name = 'ApiError';
  }

  get unreachable(): boolean {
    return this.status === 0;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** messageOf turns anything thrown into a sentence. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

type Json = Record<string, unknown>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const text = (v: unknown): string => (typeof v === 'string' ? v : '');

/**
 * readError finds the message in an error body. Each service has its own form: Keystone {error: {message}}, Nova
 * {badRequest: {message}}, Neutron {NeutronError: {message, type}}, Placement {errors: [{detail}]}, Glance HTML.
 */
export function readError(status: number, body: string, requestId: string): ApiError {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    const words = plainText(body);
    return new ApiError(status, words || `HTTP ${status}`, '', requestId);
  }
  if (isObject(parsed)) {
    if (Array.isArray(parsed.errors) && isObject(parsed.errors[0])) {
      return new ApiError(status, text(parsed.errors[0].detail), text(parsed.errors[0].code), requestId);
    }
    if (typeof parsed.message === 'string') {
      return new ApiError(status, plainText(parsed.message), '', requestId);
    }
    for (const inner of Object.values(parsed)) {
      if (isObject(inner) && typeof inner.message === 'string') {
        return new ApiError(status, inner.message, text(inner.type), requestId);
      }
      if (typeof inner === 'string') return new ApiError(status, inner, '', requestId);
    }
  }
  return new ApiError(status, `HTTP ${status}`, '', requestId);
}

/** plainText is what an HTML error page says, without its title and markup. */
function plainText(html: string): string {
  if (!/<\w/.test(html)) return html.trim();
  const page = new DOMParser().parseFromString(html, 'text/html');
  for (const e of page.querySelectorAll('title, h1, script, style')) e.remove();
  return (page.body.textContent ?? '').replace(/\s+/g, ' ').trim();
}
