/**
 * whileVisible does something as long as the page can be seen: start begins it and returns what ends it. Browsers allow six
 * connections to one server over HTTP/1.1, all tabs together; tabs in the background must not hold them.
 */
export function whileVisible(start: () => () => void): () => void {
  let stop: (() => void) | undefined;
  const look = () => {
    const visible = document.visibilityState !== 'hidden';
    if (visible && !stop) stop = start();
    if (!visible && stop) {
      stop();
      stop = undefined;
    }
  };
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    document.removeEventListener('visibilitychange', look);
    stop?.();
  };
}
