// Loads the model of one folder and saves it into another, again and again when nothing stops it; prints code, message and hint of what fails.
import { Policy } from '../../../lib/model/policy.ts';

const [source, target] = process.argv.slice(2);
try {
  const policy = await Policy.load(source);
  for (let round = 0; round < 1000; round++) await policy.save(target);
} catch (error) {
  console.log(`${error.code} ${error.message}`);
  process.exitCode = 1;
}
