using System.Text.Json.Nodes;
using EdgeProxy.CaddyImport;
using EdgeProxy.Configuration;
using EdgeProxy.Importing;
using EdgeProxy.Settings;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.CaddyImport;

/// <summary>A Caddyfile on disk, and what came of it.</summary>
internal sealed class Caddyfile : IDisposable
{
    /// <summary>What the files of most tests do not name.</summary>
    public const string HealthPath = "/healthz";

    private readonly TemporaryDirectory _directory = new();

    /// <param name="content">Of the Caddyfile; <c>DIR</c> in it is the directory that it lies in.</param>
    public Caddyfile(string content) => Write("Caddyfile", content);

    public string Path => this["Caddyfile"];

    public string this[string name] => _directory[name];

    /// <summary>Writes another file beside it.</summary>
    public string Write(string name, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        File.WriteAllText(this[name], content.Replace("DIR", _directory.Path, StringComparison.Ordinal));
        return this[name];
    }

    public ImportResult Import(ImportOptions? options = null, params (string Name, string Value)[] environment) =>
        CaddyfileImport.Run(
            Path,
            options ?? new ImportOptions(HealthPath: HealthPath),
            name => environment.Where(variable => variable.Name == name).Select(variable => variable.Value).SingleOrDefault());

    /// <summary>The settings as the proxy would have them; there is no problem.</summary>
    public static EdgeProxySettings Load(ImportResult result)
    {
        Assert.Equal([], result.Problems.Select(problem => problem.ToString()));
        var loaded = SettingsLoader.Check("imported", System.Text.Encoding.UTF8.GetBytes(result.Settings!.ToJsonString()));
        Assert.DoesNotContain(loaded.Problems, problem => problem.Severity == SettingsSeverity.Error);
        return loaded;
    }

    /// <summary>Translates one file without problems.</summary>
    public static JsonObject Settings(string content, ImportOptions? options = null)
    {
        using var file = new Caddyfile(content);
        var result = file.Import(options);
        Load(result);
        return result.Settings!;
    }

    /// <summary>A site on plain HTTP with an app and these lines.</summary>
    public static JsonObject Site(string lines) => Settings($"http://api.example.com {{\n{lines}\nreverse_proxy 127.0.0.1:8000\n}}\n");

    public void Dispose() => _directory.Dispose();
}
