using System.ComponentModel;
using System.Diagnostics;

namespace EdgeProxy.Demo;

/// <summary>The sample Django project, and how gunicorn runs it. It has the routes of <see cref="SampleBackend"/> but for the WebSocket.</summary>
internal static class DjangoSample
{
    private const string Prefix = "django/";
    private const string Python = "/usr/bin/python3"; // the one that apt's packages belong to

    /// <summary>What runs a slot, in the directory of <see cref="WriteTo"/>. Two workers with four threads: the load has two requests of a second at a
    /// time.</summary>
    public const string Command =
        $"/usr/bin/env SLOT={{slot}} PYTHONDONTWRITEBYTECODE=1 {Python} -m gunicorn --bind {{address}} --workers 2 --threads 4 --keep-alive 75 sample.wsgi";

    /// <summary>Why it cannot run here, and what to do; null: it can.</summary>
    public static async Task<string?> ProblemAsync(CancellationToken cancellationToken)
    {
        const string Advice = "install them with 'apt install gunicorn python3-django'";
        try
        {
            using var python = Process.Start(new ProcessStartInfo(Python, ["-c", "import django, gunicorn"]) { RedirectStandardError = true })!;
            var error = await python.StandardError.ReadToEndAsync(cancellationToken);
            await python.WaitForExitAsync(cancellationToken);
            return python.ExitCode == 0 ? null : $"--django needs gunicorn and Django for {Python} ({error.Trim().Split('\n')[^1]}); {Advice}";
        }
        catch (Win32Exception e)
        {
            return $"--django needs gunicorn and Django, but {Python} cannot be run ({e.Message}); {Advice}";
        }
    }

    /// <summary>Writes the project: <c>manage.py</c> and the package <c>sample</c>.</summary>
    public static void WriteTo(string directory)
    {
        var assembly = typeof(DjangoSample).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            var path = Path.Combine(directory, name[Prefix.Length..]);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var file = File.Create(path);
            using var content = assembly.GetManifestResourceStream(name)!;
            content.CopyTo(file);
        }
    }
}
