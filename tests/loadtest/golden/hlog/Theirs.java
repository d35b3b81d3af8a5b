import java.io.FileNotFoundException;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogWriter;

/** Writes theirs.hlog by HdrHistogram's own code; README.md says how it is run. */
public class Theirs {
    private static final long BASE = 1_700_000_000_250L;
    private static long state = 42;

    public static void main(String[] arguments) throws FileNotFoundException {
        HistogramLogWriter writer = new HistogramLogWriter(arguments[0]);
        writer.outputComment("[Logged by HdrHistogram itself]");
        writer.outputLogFormatVersion();
        writer.outputBaseTime(BASE);
        writer.setBaseTime(BASE);
        writer.outputStartTime(BASE);
        writer.outputLegend();
        for (int second = 0; second < 3; second++) {
            write(writer, second, null, new Histogram(3), 400, 50_000, 60_000_000_000L);
            write(writer, second, "plain", new Histogram(3_600_000_000_000L, 3), 300, 1, 4_000);
            write(writer, second, "response%20GET%20%2Fitems", new Histogram(3_600_000_000_000L, 3), 500, 200_000, 90_000_000);
            write(writer, second, "service%20GET%20%2Fitems", new Histogram(3), 500, 150_000, 80_000_000);
        }
        write(writer, 3, "plain", new Histogram(3), 0, 1, 2); // an interval in which nothing was counted
        writer.close();
    }

    /** One interval of so many values, evenly strewn over the orders of magnitude between two. */
    private static void write(
            HistogramLogWriter writer, int second, String tag, Histogram histogram, int values, long least, long most) {
        for (int n = 0; n < values; n++) {
            histogram.recordValue(Math.round(least * Math.pow((double) most / least, next())));
        }
        histogram.setTag(tag);
        histogram.setStartTimeStamp(BASE + second * 1000L);
        histogram.setEndTimeStamp(BASE + second * 1000L + 1000L);
        writer.outputIntervalHistogram(histogram);
    }

    private static double next() {
        state = (state * 6364136223846793005L) + 1442695040888963407L;
        return (state >>> 11) / (double) (1L << 53);
    }
}
