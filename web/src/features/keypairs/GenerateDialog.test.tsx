import { render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import i18next from 'i18next';
import { initReactI18next } from 'react-i18next';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { ApiError } from '~/api/error';
import common from '~/locales/en.json';
import { download } from '~/ui/download';
import words from './en.json';
import { GenerateDialog } from './GenerateDialog';
import { generateKey } from './mutations';

vi.mock('./mutations', () => ({ generateKey: vi.fn() }));
vi.mock('~/ui/download', () => ({ download: vi.fn() }));

beforeAll(async () => {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    defaultNS: 'common',
    resources: { en: { common, keypairs: words } },
    interpolation: { escapeValue: false },
  });
});
beforeEach(() => {
  vi.mocked(generateKey).mockReset().mockResolvedValue('-----BEGIN RSA PRIVATE KEY-----');
  vi.mocked(download).mockReset();
});

function open() {
  const [onClose, onMade] = [vi.fn(), vi.fn()];
  render(<GenerateDialog onClose={onClose} onMade={onMade} />);
  return { onClose, onMade, user: userEvent.setup() };
}

test('the private key is handed out, and the dialog stays until somebody says that they have it', async () => {
  const { onClose, onMade, user } = open();
  await user.type(screen.getByLabelText(common.name), 'my key');
  await user.click(screen.getByTestId('submit'));
  await screen.findByTestId('key-saved');
  expect(onMade).toHaveBeenCalledWith('my key');
  expect(download).toHaveBeenCalledWith('my_key.pem', '-----BEGIN RSA PRIVATE KEY-----', 'application/x-pem-file');
  expect(onClose).not.toHaveBeenCalled();
  await user.click(screen.getByTestId('save-key'));
  expect(download).toHaveBeenCalledTimes(2);
  await user.click(screen.getByTestId('key-saved'));
  expect(onClose).toHaveBeenCalledOnce();
});

test('a refusal is shown, and the name stays', async () => {
  vi.mocked(generateKey).mockRejectedValue(new ApiError(409, "Key pair 'a' already exists."));
  const { onClose, onMade, user } = open();
  await user.type(screen.getByLabelText(common.name), 'a');
  await user.click(screen.getByTestId('submit'));
  expect(await screen.findByText("Key pair 'a' already exists.")).toBeTruthy();
  await waitFor(() => expect(screen.getByLabelText(common.name)).toHaveProperty('value', 'a'));
  expect(download).not.toHaveBeenCalled();
  expect(onMade).not.toHaveBeenCalled();
  expect(onClose).not.toHaveBeenCalled();
});

test('a name that the API refuses is not sent', async () => {
  const { user } = open();
  await user.type(screen.getByLabelText(common.name), 'me@home');
  expect(screen.getByText(words.rules.generatedName)).toBeTruthy();
  await user.click(screen.getByTestId('submit'));
  expect(generateKey).not.toHaveBeenCalled();
});
