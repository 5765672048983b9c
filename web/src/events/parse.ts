/** One event of a text/event-stream (WHATWG HTML, server-sent events). */
export interface ServerEvent {
  name: string;
  data: string;
  id: string;
}

/** parseEvents reads events from the bytes of a stream, however they are cut. Comments are passed over. */
export async function* parseEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>)
    .getReader();
  let held = '';
  let event: ServerEvent = { name: '', data: '', id: '' };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      held += value;
      const lines = held.split(/\r\n|\n|\r(?!$)/);
      held = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') {
          if (event.data || event.name) yield event;
          event = { name: '', data: '', id: '' };
          continue;
        }
        const [, field = '', data = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
        if (field === 'event') event.name = data;
        if (field === 'data') event.data += (event.data ? '\n' : '') + data;
        if (field === 'id') event.id = data;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
