import { headersFor, reach, urlOf } from '~/api/client';
import { ApiError, readError } from '~/api/error';
import { session } from '~/api/session';

/** What the service says to a part, or to the question how far the upload is. */
export interface Answer {
  status: number;
  /** Bytes that are held, from the first on. */
  held: number;
  /** Why it was refused, in words. */
  message: string;
}

export interface Part {
  first: number;
  total: number;
  /** The bytes; null asks what is held. */
  body: ArrayBuffer | null;
}

export interface Transport {
  /** Sends a part. Throws ApiError with status 0 when no answer came, and what the signal was aborted with. */
  put(part: Part, signal: AbortSignal, onProgress: (bytes: number) => void): Promise<Answer>;
}

/** heldOf reads `Range: bytes=0-N`; without it nothing is held. */
export function heldOf(range: string | null): number {
  const last = /^bytes=0-(\d+)$/.exec(range ?? '')?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

/** contentRange of RFC 9110, section 14.4. */
export const contentRange = ({ first, total, body }: Part): string =>
  body ? `bytes ${first}-${first + body.byteLength - 1}/${total}` : `bytes */${total}`;

/** partsOf sends parts of an image's data with XMLHttpRequest, as fetch does not tell how far a body is. */
export const partsOf = (image: string): Transport => ({
  async put(part, signal, onProgress) {
    for (;;) {
      const token = session.current?.token;
      const answer = await send(image, part, signal, onProgress);
      if (answer.status !== 401 || !session.current) return answer;
      if (session.current.token === token) await session.expire();
    }
  },
});

function send(image: string, part: Part, signal: AbortSignal, onProgress: (bytes: number) => void): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const end = () => signal.removeEventListener('abort', stop);
    request.open('PUT', urlOf('image', `/images/${image}/file`));
    const headers = headersFor('image', {
      headers: { 'Content-Type': 'application/octet-stream', 'Content-Range': contentRange(part) },
    });
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(event.loaded);
    request.onload = () => {
      end();
      reach.note(true);
      const { status } = request;
      resolve({
        status,
        held: heldOf(request.getResponseHeader('Range')),
        message: status < 300 ? '' : readError(status, request.responseText, '').message,
      });
    };
    request.onerror = () => {
      end();
      reject(new ApiError(0, 'The cloud does not answer.'));
    };
    request.onabort = () => {
      end();
      reject(signal.reason ?? new DOMException('stopped', 'AbortError'));
    };
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    signal.addEventListener('abort', stop);
    request.send(part.body);
  });
}
