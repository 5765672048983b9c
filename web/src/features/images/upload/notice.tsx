import i18next from 'i18next';
import { notify } from '~/ui/notify';
import { UploadPanel } from './UploadPanel';
import { type Upload, uploads } from './uploads';

/** announce shows an upload at the top of every page, until it has ended and somebody has seen it. */
export function announce(upload: Upload): void {
  const id = `upload-${upload.image}`;
  let shown = '';
  const show = () => {
    const { phase, verified } = upload.uploader.progress;
    const look = `${phase} ${verified}`;
    if (look === shown) return;
    shown = look;
    if (phase === 'cancelled' || uploads.of(upload.image) !== upload) {
      notify.remove(id);
      stop();
      return;
    }
    const bad = phase === 'failed' || verified === false;
    notify.add({
      id,
      type: bad ? 'error' : phase === 'done' ? 'info' : 'in-progress',
      header: i18next.t(phase === 'done' ? 'images:upload.doneHeader' : 'images:upload.header', { name: upload.name }),
      content: <UploadPanel image={upload.image} />,
      dismissible: phase === 'done',
    });
  };
  const stop = uploads.subscribe(show);
  show();
}
