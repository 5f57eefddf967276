import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.api.ReadSupport;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.ListLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimestampLogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeUnit;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;

/**
 * Prints the rows of Parquet files as Parquet's own reader in Java sees them: a JSON object a row, in the order of the files
 * and of the rows within them. A timestamp is an integer, microseconds since 1970; a double is an object with its bits. What
 * has no such form is an error.
 */
final class Rows {
  private final Writer out;

  private Rows(Writer out) {
    this.out = out;
  }

  public static void main(String[] files) throws IOException {
    var out = new OutputStreamWriter(System.out, StandardCharsets.UTF_8);
    try (var writer = new BufferedWriter(out, 1 << 16)) {
      var rows = new Rows(writer);
      for (var file : files) {
        try (var reader = new Builder(new LocalInputFile(Path.of(file))).build()) {
          for (var row = reader.read(); row != null; row = reader.read()) {
            rows.object(row);
            writer.write('\n');
          }
        }
      }
    }
  }

  private static final class Builder extends ParquetReader.Builder<Group> {
    Builder(InputFile file) {
      super(file);
    }

    @Override
    protected ReadSupport<Group> getReadSupport() {
      return new GroupReadSupport();
    }
  }

  private void object(Group group) throws IOException {
    GroupType type = group.getType();
    out.write('{');
    for (int field = 0; field < type.getFieldCount(); field++) {
      if (field > 0) {
        out.write(',');
      }
      text(type.getFieldName(field));
      out.write(':');
      value(group, field);
    }
    out.write('}');
  }

  private void value(Group group, int field) throws IOException {
    Type type = group.getType().getType(field);
    if (type.isRepetition(Type.Repetition.REPEATED)) {
      throw new IllegalArgumentException(type + " is a list without its levels");
    }
    if (group.getFieldRepetitionCount(field) == 0) {
      out.write("null");
    } else if (type.isPrimitive()) {
      primitive(group, field, type.asPrimitiveType());
    } else if (type.getLogicalTypeAnnotation() instanceof ListLogicalTypeAnnotation) {
      list(group.getGroup(field, 0));
    } else if (type.getLogicalTypeAnnotation() == null) {
      object(group.getGroup(field, 0));
    } else {
      throw new IllegalArgumentException(type + " is neither a list nor a struct");
    }
  }

  /** The standard's three levels: the list, its repeated group, and the element in that. */
  private void list(Group list) throws IOException {
    out.write('[');
    int elements = list.getFieldRepetitionCount(0);
    for (int element = 0; element < elements; element++) {
      if (element > 0) {
        out.write(',');
      }
      value(list.getGroup(0, element), 0);
    }
    out.write(']');
  }

  private void primitive(Group group, int field, PrimitiveType type) throws IOException {
    LogicalTypeAnnotation logical = type.getLogicalTypeAnnotation();
    boolean isText =
        LogicalTypeAnnotation.stringType().equals(logical)
            || LogicalTypeAnnotation.jsonType().equals(logical);
    switch (type.getPrimitiveTypeName()) {
      case BINARY -> {
        if (!isText) {
          throw new IllegalArgumentException(type + " is no text");
        }
        text(decoded(group.getBinary(field, 0).toByteBuffer()));
      }
      case BOOLEAN -> out.write(Boolean.toString(group.getBoolean(field, 0)));
      case INT32 -> {
        if (logical != null) {
          throw new IllegalArgumentException(type + " is no plain number");
        }
        out.write(Integer.toString(group.getInteger(field, 0)));
      }
      case INT64 -> {
        boolean isMicros =
            logical instanceof TimestampLogicalTypeAnnotation time
                && time.getUnit() == TimeUnit.MICROS
                && time.isAdjustedToUTC();
        if (logical != null && !isMicros) {
          throw new IllegalArgumentException(type + " is no timestamp of microseconds in UTC");
        }
        out.write(Long.toString(group.getLong(field, 0)));
      }
      case DOUBLE -> {
        long bits = Double.doubleToRawLongBits(group.getDouble(field, 0));
        out.write("{\"bits\":\"" + Long.toHexString(bits) + "\"}");
      }
      default -> throw new IllegalArgumentException(type + " has no form here");
    }
  }

  private static String decoded(ByteBuffer bytes) throws CharacterCodingException {
    return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
  }

  private void text(String text) throws IOException {
    out.write('"');
    for (int at = 0; at < text.length(); at++) {
      char unit = text.charAt(at);
      if (unit == '"' || unit == '\\') {
        out.write('\\');
        out.write(unit);
      } else if (unit < ' ') {
        out.write(String.format("\\u%04x", (int) unit));
      } else {
        out.write(unit);
      }
    }
    out.write('"');
  }
}
