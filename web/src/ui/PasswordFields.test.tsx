import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import i18next from 'i18next';
import { useForm } from 'react-hook-form';
import { initReactI18next } from 'react-i18next';
import { beforeAll, expect, test } from 'vitest';
import words from '~/locales/en.json';
import { PasswordFields } from './PasswordFields';

beforeAll(async () => {
  await i18next.use(initReactI18next).init({
    lng: 'en',
    defaultNS: 'common',
    resources: { en: { common: words } },
    interpolation: { escapeValue: false },
  });
});

function Form() {
  const form = useForm({ mode: 'onChange', defaultValues: { password: '', repeated: '' } });
  return <PasswordFields form={form} />;
}

const differ = words.rules.samePassword;

test('the repetition is checked as either is typed', async () => {
  const user = userEvent.setup();
  render(<Form />);
  const password = screen.getByLabelText(words.newPassword);
  const repeated = screen.getByLabelText(words.repeatPassword);
  await user.type(password, 'one');
  expect(screen.queryByText(differ)).toBeNull();
  await user.type(repeated, 'on');
  expect(await screen.findByText(differ)).toBeTruthy();
  await user.type(repeated, 'e');
  expect(screen.queryByText(differ)).toBeNull();
  await user.type(password, '2');
  expect(await screen.findByText(differ)).toBeTruthy();
});
