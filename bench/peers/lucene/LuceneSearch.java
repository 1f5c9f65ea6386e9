// Searches a catalogue with Lucene 8 as WebShop does: EnglishAnalyzer, BM25 with k1 0.9 and b 0.4, a bag of words joined by OR in which a
// repeated word counts as often as it occurs, the first 50 hits. Speaks lines, so that a bench can alternate with it.
//
// Input file: one document per line, `asin TAB text`, in ascending asin order (Lucene breaks ties by document number).
// Says `ready TAB versions` when the index is there. Then a query per line on standard input; for each a line `nanoseconds TAB asin:scoreBits asin:scoreBits …` on standard output.
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.StoredField;
import org.apache.lucene.document.TextField;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.IndexWriter;
import org.apache.lucene.index.IndexWriterConfig;
import org.apache.lucene.index.Term;
import org.apache.lucene.search.BooleanClause;
import org.apache.lucene.search.BooleanQuery;
import org.apache.lucene.search.BoostQuery;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.ScoreDoc;
import org.apache.lucene.search.TermQuery;
import org.apache.lucene.search.similarities.BM25Similarity;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.MMapDirectory;
import org.apache.lucene.util.Version;

public final class LuceneSearch {
  private static final String FIELD = "contents";
  private static final int HITS = 50;

  public static void main(String[] args) throws IOException {
    Path documents = Path.of(args[0]);
    Path folder = Path.of(args[1]);
    Analyzer analyzer = new EnglishAnalyzer();
    BM25Similarity similarity = new BM25Similarity(0.9f, 0.4f);
    try (Directory directory = new MMapDirectory(folder)) {
      build(documents, directory, analyzer, similarity);
      try (DirectoryReader reader = DirectoryReader.open(directory)) {
        IndexSearcher searcher = new IndexSearcher(reader);
        searcher.setSimilarity(similarity);
        // The cache of the searcher would answer a repeated query without work.
        searcher.setQueryCache(null);
        System.out.println("ready\tLucene " + Version.LATEST + ", Java " + System.getProperty("java.version"));
        answer(searcher, analyzer);
      }
    }
  }

  private static void build(Path documents, Directory directory, Analyzer analyzer, BM25Similarity similarity) throws IOException {
    IndexWriterConfig config = new IndexWriterConfig(analyzer).setSimilarity(similarity).setRAMBufferSizeMB(512);
    try (IndexWriter writer = new IndexWriter(directory, config);
        BufferedReader lines = Files.newBufferedReader(documents)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int tab = line.indexOf('\t');
        Document document = new Document();
        document.add(new StoredField("id", line.substring(0, tab)));
        document.add(new TextField(FIELD, line.substring(tab + 1), Field.Store.NO));
        writer.addDocument(document);
      }
      writer.forceMerge(1);
    }
  }

  private static void answer(IndexSearcher searcher, Analyzer analyzer) throws IOException {
    BufferedReader queries = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String text = queries.readLine(); text != null; text = queries.readLine()) {
      long begin = System.nanoTime();
      ScoreDoc[] hits = searcher.search(bagOfWords(text, analyzer), HITS).scoreDocs;
      long time = System.nanoTime() - begin;
      StringBuilder line = new StringBuilder().append(time).append('\t');
      for (ScoreDoc hit : hits) {
        String id = searcher.doc(hit.doc).get("id");
        line.append(id).append(':').append(Integer.toUnsignedString(Float.floatToIntBits(hit.score))).append(' ');
      }
      System.out.println(line);
    }
  }

  private static Query bagOfWords(String text, Analyzer analyzer) throws IOException {
    Map<String, Integer> counts = new LinkedHashMap<>();
    try (TokenStream stream = analyzer.tokenStream(FIELD, new StringReader(text))) {
      CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
      stream.reset();
      while (stream.incrementToken()) counts.merge(term.toString(), 1, Integer::sum);
      stream.end();
    }
    BooleanQuery.Builder query = new BooleanQuery.Builder();
    counts.forEach((term, count) ->
        query.add(new BoostQuery(new TermQuery(new Term(FIELD, term)), count), BooleanClause.Occur.SHOULD));
    return query.build();
  }
}
