using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Deploy;

/// <summary>What <c>setup_bluegreen.sh</c> takes for the number of requests that an app works on at a time, by the command of its unit.</summary>
public sealed class GunicornPlacesTests
{
    [Theory]
    [InlineData("gunicorn --preload --workers 8 --bind 127.0.0.1:8000 app.wsgi", "", "8")]
    [InlineData("gunicorn -w 3 --threads=4 app.wsgi", "", "12")]
    [InlineData("gunicorn --workers=3 --workers 2 -k gthread --threads 4 app.wsgi", "", "8")]
    [InlineData("gunicorn --workers 2 --worker-class sync --threads 4 app.wsgi", "", "8")] // gunicorn takes gthread then
    [InlineData("gunicorn --workers 8 app.wsgi", "yes", "32")] // --gthread adds four threads
    [InlineData("gunicorn --workers 2 --worker-class gthread --threads 6 app.wsgi", "yes", "12")]
    [InlineData("gunicorn --workers 8 --config gunicorn.py app.wsgi", "", "")]
    [InlineData("gunicorn --workers 8 --threads 2 -c gunicorn.py app.wsgi", "", "16")]
    [InlineData("gunicorn --workers 4 -k uvicorn.workers.UvicornWorker app.asgi", "", "")]
    [InlineData("gunicorn --workers $WORKERS app.wsgi", "", "")]
    [InlineData("gunicorn app.wsgi", "", "")]
    [InlineData("uvicorn --workers 4x app.asgi", "", "")]
    public async Task Workers_times_threads_where_the_unit_says_both(string command, string gthread, string expected)
    {
        var run = await Tool.RunAsync("bash", ["-c", """
            set -euo pipefail
            cd "$1"
            . changes.sh
            . units.sh
            command=$2 gthread=$3
            command_of() { tr ' ' '\n' <<< "$command"; }
            places_of app.service
            """, "bash", Repository.File("deploy/lib"), command, gthread]);

        Assert.True(run.ExitCode == 0, run.Output + run.Error);
        Assert.Equal(expected, run.Output.Trim());
    }
}
