using System.Text;
using EdgeProxy.CaddyImport.Syntax;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>Words, braces and imports, and files that are none.</summary>
public sealed class SyntaxTests
{
    [Theory]
    [InlineData("a b\tc", "a|b|c")]
    [InlineData("a # b\nc", "a|/c")]
    [InlineData("a#b c", "a#b|c")]
    [InlineData("\"a b\" `c \"d\"`", "a b|c \"d\"")]
    [InlineData("\"say \\\"hi\\\" \\n\"", "say \"hi\" \\n")]
    [InlineData("`a\\`", "a\\")]
    [InlineData("a \\\n b\nc", "a|b|/c")]
    [InlineData("a \\\r\n b\r\nc", "a|b|/c")]
    [InlineData("\"two\nlines\" same\nnext", "two\nlines|same|/next")]
    [InlineData("a <<E\n  b \"c\"\n\n    { d\n  E e\nf", "a|b \"c\"\n\n  { d|e|/f")]
    [InlineData("a <<E-1\r\n\tb\r\n\tE-1\r\nf", "a|b|/f")]
    [InlineData("a <<E\nE\nf", "a||/f")]
    [InlineData("C:\\x \\y", "C:\\x|\\y")]
    [InlineData("\"\" a", "|a")]
    [InlineData("", "")]
    [InlineData("# only\n\n", "")]
    public void Words(string text, string expected) =>
        Assert.Equal(expected, string.Join('|', Lexer.Split(text, "x").Select((token, i) => (token.StartsLine && i > 0 ? "/" : "") + token.Text)));

    [Theory]
    [InlineData(":80 {\nreverse_proxy :8000\n", 1, "not closed")]
    [InlineData(":80 {\nhandle {\nreverse_proxy :8000\n}\n", 1, "not closed")]
    [InlineData(":80 {\n}\n}\n", 3, "closes nothing")]
    [InlineData(":80 {\nhandle { reverse_proxy :8000 }\n}\n", 2, "next line")]
    [InlineData(":80 {\nhandle\n{\n}\n}\n", 3, "line of its directive")]
    [InlineData(":80 {\nhandle {\nrespond x }\n}\n", 3, "line of its own")]
    [InlineData("a.example.com{\n}\n", 1, "blank before the brace")]
    [InlineData("a.example.com, {\n}\n", 1, "behind the comma")]
    [InlineData(":80 {\nrespond \"x\n}\n", 2, "does not end")]
    [InlineData(":80 {\nrespond <<END\nx\n}\n", 2, "does not end")]
    [InlineData(":80 {\nrespond <<END x\nEND\n}\n", 2, "line's end")]
    [InlineData(":80 {\nrespond <<END\n x\n  END\n}\n", 2, "indented less")]
    [InlineData(":80 {\nrespond <<END\n TREND\n END\n}\n", 3, "choose a marker")]
    [InlineData(":80 {\n}\n{\nemail x\n}\n", 3, "before all sites")]
    [InlineData(":80 {\nimport\n}\n", 2, "neither a snippet nor a file")]
    [InlineData(":80 {\nimport Caddyfile\n}\n", 2, "imports itself")]
    [InlineData("(a) {\nimport a\n}\n:80 {\nimport a\n}\n", 2, "imports itself")]
    [InlineData("(a) {\n}\n(a) {\n}\n", 3, "there twice")]
    [InlineData("(a) {\n", 1, "not closed")]
    [InlineData(":80 {\nimport no/such/file\n}\n", 2, "cannot be read")]
    [InlineData(":80 {\nimport /etc\n}\n", 2, "cannot be read")]
    [InlineData(":80 {\nimport */x\n}\n", 2, "directory's name")]
    [InlineData("", 0, "no app to serve")]
    [InlineData("# nothing\n", 0, "no app to serve")]
    public void A_file_that_cannot_be_read_is_a_problem_with_a_line(string content, int line, string why)
    {
        using var file = new Caddyfile(content);
        var result = file.Import();

        Assert.Null(result.Settings);
        var problem = Assert.Single(result.Problems);
        Assert.Contains(why, problem.Message, StringComparison.Ordinal);
        Assert.Equal(line, problem.Line);
    }

    /// <summary>Nothing of these may end the process, or take more than a moment.</summary>
    [Fact]
    public void Hostile_files_are_problems_too()
    {
        using var file = new Caddyfile("");
        Assert.Contains("not a text file", Problem([0xFF, 0xFE, 0x00, 0x01]), StringComparison.Ordinal);
        Assert.Contains("not a text file", Problem(":80 {\nrespond a\0b\n}\n"u8.ToArray()), StringComparison.Ordinal);
        Assert.Contains("larger than 1 MB", Problem(Encoding.ASCII.GetBytes(new string('#', 2_000_000))), StringComparison.Ordinal);
        Assert.Contains(
            "within each other", Problem(Encoding.ASCII.GetBytes(":80 {\n" + string.Concat(Enumerable.Repeat("a {\n", 200_000)))), StringComparison.Ordinal);
        Assert.Contains("more than 200,000 words", Problem(Encoding.ASCII.GetBytes(Bomb())), StringComparison.Ordinal);
        File.Delete(file.Path);
        Assert.Contains("cannot be read", Assert.Single(file.Import().Problems).Message, StringComparison.Ordinal);

        string Problem(byte[] content)
        {
            File.WriteAllBytes(file.Path, content);
            return Assert.Single(file.Import().Problems).Message;
        }

        // Twenty snippets, each of which imports the one before it twice: a million lines.
        static string Bomb()
        {
            var snippets = new StringBuilder("(s0) {\nencode gzip\n}\n");
            for (var i = 1; i <= 20; i++)
            {
                snippets.Append(System.Globalization.CultureInfo.InvariantCulture, $"(s{i}) {{\nimport s{i - 1}\nimport s{i - 1}\n}}\n");
            }

            return snippets + ":80 {\nimport s20\nreverse_proxy :8000\n}\n";
        }
    }

    [Fact]
    public void Imports_are_relative_to_their_file_take_arguments_and_patterns_and_keep_their_lines()
    {
        using var file = new Caddyfile("(app) {\nreverse_proxy {args.0} {\nimport {args[1]}\n}\n}\nimport sites/*.caddy\n");
        file.Write("sites/b.caddy", "http://b.example.com {\nimport app :8000 options\n}\n");
        file.Write("sites/a.caddy", "http://a.example.com {\nimport app :8000 options\n}\n");
        file.Write("sites/ignored.txt", "nonsense {");
        file.Write("options", "lb_try_duration 5s\nheader_up X-Mine {tls_cipher}\n");

        var problem = Assert.Single(file.Import().Problems);
        Assert.Equal((file["options"], 2), (problem.File, problem.Line));

        file.Write("options", "lb_try_duration 5s\n");
        Assert.Equal("a.example.com;b.example.com", Caddyfile.Load(file.Import()).Configuration["AllowedHosts"]);
    }

    [Fact]
    public void Variables_come_from_the_environment_or_from_their_default()
    {
        using var file = new Caddyfile("http://{$NAME} {\nreverse_proxy {$APP:127.0.0.1:8000}\n}\n");

        var loaded = Caddyfile.Load(file.Import(environment: ("NAME", "a.example.com")));

        Assert.Equal("a.example.com", loaded.Configuration["AllowedHosts"]);
        Assert.Equal("http://127.0.0.1:8000", loaded.Options!.Slots.Blue!.Address);
    }

    [Fact]
    public void A_single_site_needs_no_braces()
    {
        using var file = new Caddyfile("http://a.example.com\n\nreverse_proxy :8000 {\n  lb_try_duration 5s\n}\n");

        Assert.Equal("a.example.com", Caddyfile.Load(file.Import()).Configuration["AllowedHosts"]);
    }
}
