import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Properties;

/** Loads a properties file as CTP loads its lookup tables, and writes every key and value in hexadecimal digits of UTF-8. */
public class Lookup {
  public static void main(String[] args) throws Exception {
    Properties table = new Properties();
    try (FileInputStream file = new FileInputStream(args[0])) {
      table.load(file);
    }
    HexFormat hex = HexFormat.of();
    for (String key : table.stringPropertyNames()) {
      System.out.println(hex.formatHex(key.getBytes(StandardCharsets.UTF_8)) + " " + hex.formatHex(table.getProperty(key).getBytes(StandardCharsets.UTF_8)));
    }
  }
}
