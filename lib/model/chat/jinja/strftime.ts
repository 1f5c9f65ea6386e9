import { TemplateError } from './template-error.ts';

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];

/**
 * datetime.strftime() of a local time with English names, as Python prints it in the C locale; `%-d` and the like leave the zero out.
 * Throws TemplateError for a directive that it does not know.
 */
export function strftime(date: Date, format: string): string {
  return format.replace(/%(-?)(.?)/gsu, (whole, bare: string, directive: string) => {
    const value = directiveValue(date, directive);
    if (value === undefined) throw new TemplateError(`strftime: the directive ${whole} is not supported`);
    return bare === '-' ? value.replace(/^0+(?=\d)/, '') : value;
  });
}

function directiveValue(date: Date, directive: string): string | undefined {
  const two = (value: number) => String(value).padStart(2, '0');
  const hour12 = date.getHours() % 12 === 0 ? 12 : date.getHours() % 12;
  switch (directive) {
    case 'Y':
      return String(date.getFullYear());
    case 'y':
      return two(date.getFullYear() % 100);
    case 'm':
      return two(date.getMonth() + 1);
    case 'd':
      return two(date.getDate());
    case 'e':
      return String(date.getDate()).padStart(2);
    case 'B':
      return months[date.getMonth()];
    case 'b':
    case 'h':
      return months[date.getMonth()]?.slice(0, 3);
    case 'A':
      return days[date.getDay()];
    case 'a':
      return days[date.getDay()]?.slice(0, 3);
    case 'w':
      return String(date.getDay());
    case 'u':
      return String(date.getDay() === 0 ? 7 : date.getDay());
    case 'H':
      return two(date.getHours());
    case 'I':
      return two(hour12);
    case 'M':
      return two(date.getMinutes());
    case 'S':
      return two(date.getSeconds());
    case 'f':
      return `${String(date.getMilliseconds()).padStart(3, '0')}000`;
    case 'p':
      return date.getHours() < 12 ? 'AM' : 'PM';
    case 'j':
      return String(dayOfYear(date)).padStart(3, '0');
    case 'F':
      return strftime(date, '%Y-%m-%d');
    case 'T':
    case 'X':
      return strftime(date, '%H:%M:%S');
    case 'R':
      return strftime(date, '%H:%M');
    case 'D':
    case 'x':
      return strftime(date, '%m/%d/%y');
    case 'c':
      return strftime(date, '%a %b %e %H:%M:%S %Y');
    // A time without a zone, as datetime.now() gives it.
    case 'z':
    case 'Z':
      return '';
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case '%':
      return '%';
    default:
      return undefined;
  }
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return 1 + (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000;
}
